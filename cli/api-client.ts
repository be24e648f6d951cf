import { CliError, ServerRefusal } from "./cli-error.ts"
import { eventStream } from "./event-stream.ts"
import { EXIT } from "./exit-codes.ts"

const REQUEST_TIMEOUT_MS = 30_000
const PAGE_SIZE = 500

/** The operator API of a Handover server. */
export class ApiClient {
    readonly url: string
    private readonly token: string

    constructor(url: string, token: string, warn: (text: string) => void) {
        let parsed: URL
        try {
            parsed = new URL(url)
        } catch {
            throw new CliError("HOV_CLI_NO_SERVER", `"${url}" is not an address: write it like https://updates.example.org`)
        }
        if (parsed.username || parsed.password) throw new CliError("HOV_CLI_NO_SERVER", "the server's address must not hold a password: set HANDOVER_TOKEN instead")
        this.url = url.replace(/\/+$/, "")
        this.token = token
        const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(parsed.hostname)
        if (parsed.protocol === "http:" && !local) warn(`the token travels to ${parsed.host} without encryption: use https`)
    }

    get<T>(route: string): Promise<T> {
        return this.call<T>("GET", route)
    }

    /** All items of a list, page by page. */
    async list<T>(route: string, limit = Number.POSITIVE_INFINITY): Promise<T[]> {
        const items: T[] = []
        let after: string | null = null
        do {
            const separator = route.includes("?") ? "&" : "?"
            const cursor: string = after === null ? "" : `&after=${encodeURIComponent(after)}`
            const page: { items: T[]; next: string | null } = await this.get(`${route}${separator}limit=${Math.min(PAGE_SIZE, limit)}${cursor}`)
            items.push(...page.items)
            after = page.next
        } while (after !== null && items.length < limit)
        return items.slice(0, limit)
    }

    /** @throws ServerRefusal; CliError `HOV_CLI_UNREACHABLE`, `HOV_CLI_ANSWER` */
    async call<T>(method: string, route: string, body?: unknown): Promise<T> {
        const isBytes = body instanceof Uint8Array
        const answer = await this.send(route, {
            method,
            headers: body === undefined ? {} : { "content-type": isBytes ? "application/octet-stream" : "application/json" },
            body: body === undefined ? undefined : isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body),
            signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        })
        const text = await answer.text()
        return (text === "" ? undefined : parse(text, route)) as T
    }

    /** Live events, from now on or after a number; ends when the server ends it or `signal` says so. Follows a handover of the server. */
    events(query: string, signal?: AbortSignal): AsyncGenerator<Record<string, unknown>> {
        return eventStream(this.url, (url, headers) => this.send(`/events${query}`, { headers: { accept: "text/event-stream", ...headers }, signal }, url))
    }

    /** An answer of any size, as it comes. */
    async *download(route: string): AsyncGenerator<Uint8Array> {
        const answer = await this.send(route, {})
        try {
            for await (const chunk of answer.body!) yield chunk as Uint8Array
        } catch (e) {
            throw new CliError("HOV_CLI_UNREACHABLE", `${this.url} broke off in the middle (${(e as Error).message}): what came is not all of it`, EXIT.unreachable)
        }
    }

    private async send(route: string, init: RequestInit, url = this.url): Promise<Response> {
        let answer: Response
        try {
            answer = await fetch(`${url}/api/v1${route}`, {
                ...init,
                redirect: "error",
                headers: { ...init.headers, authorization: `Bearer ${this.token}` },
            })
        } catch (e) {
            if (init.signal?.aborted && (init.signal.reason as Error)?.name !== "TimeoutError") throw e
            const cause = (e as Error & { cause?: { code?: string; message?: string } }).cause
            const why = (e as Error).name === "TimeoutError" ? `no answer within ${REQUEST_TIMEOUT_MS / 1000} s` : (cause?.code ?? cause?.message ?? (e as Error).message)
            throw new CliError("HOV_CLI_UNREACHABLE", `${url} cannot be reached (${why}): is the server running, and the address right?`, EXIT.unreachable)
        }
        if (answer.ok) return answer
        const text = await answer.text()
        let problem: object = {}
        try {
            problem = JSON.parse(text) as object
        } catch {
            // something in between answered; its status is all that it tells
        }
        throw new ServerRefusal(answer.status, problem)
    }
}

function parse(text: string, route: string): unknown {
    try {
        return JSON.parse(text)
    } catch {
        throw new CliError("HOV_CLI_ANSWER", `the answer to ${route} is not JSON: is this a Handover server?`, EXIT.failed)
    }
}

/** A piece of an address, from a person. */
export const part = (text: string): string => encodeURIComponent(text)
