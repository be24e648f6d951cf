/** The server's operator API, and what goes wrong with it. */

import type { Page } from "./documents.ts"

/** A refusal: what the server says is shown to the person as it is. */
export class ApiError extends Error {
    readonly status: number
    readonly code: string
    readonly help: string

    constructor(status: number, code: string, message: string, help: string) {
        super(message)
        this.name = "ApiError"
        this.status = status
        this.code = code
        this.help = help
    }
}

export type Query = Readonly<Record<string, string | number | undefined>>

export class Api {
    readonly #token: string
    readonly #onSignedOut: (why: string) => void

    constructor(token: string, onSignedOut: (why: string) => void) {
        this.#token = token
        this.#onSignedOut = onSignedOut
    }

    get headers(): Record<string, string> {
        return { authorization: `Bearer ${this.#token}` }
    }

    get<T>(route: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
        const given = Object.entries(query).filter(([, value]) => value !== undefined)
        const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
        return this.#call<T>("GET", search === "" ? route : `${route}?${search}`, undefined, signal)
    }

    send<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", route: string, body?: unknown, signal?: AbortSignal): Promise<T> {
        return this.#call<T>(method, route, body, signal)
    }

    /** Pages up to the last one, each told as it comes. */
    async pages<T>(route: string, query: Query, onPage: (items: readonly T[]) => void, signal?: AbortSignal): Promise<void> {
        for (let after: string | undefined; ; ) {
            const page: Page<T> = await this.get(route, { ...query, after }, signal)
            onPage(page.items)
            if (page.next === null) return
            after = page.next
        }
    }

    async #call<T>(method: string, route: string, body: unknown, signal?: AbortSignal): Promise<T> {
        const raw = body instanceof Blob
        let response: Response
        try {
            response = await fetch(`/api/v1${route}`, {
                method,
                signal,
                headers: { ...this.headers, ...(body === undefined ? {} : { "content-type": raw ? "application/octet-stream" : "application/json" }) },
                body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
            })
        } catch (error) {
            if (signal?.aborted) throw error
            throw new ApiError(0, "HOV_CONSOLE_OFFLINE", "The server does not answer.", "Check the network and whether the server runs; the page tries again by itself.")
        }
        if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T
        const error = await problemOf(response)
        if (response.status === 401) this.#onSignedOut(error.message)
        throw error
    }
}

export async function problemOf(response: Response): Promise<ApiError> {
    try {
        const { code, detail, title, help } = (await response.json()) as Record<string, string>
        return new ApiError(response.status, code ?? `HTTP ${response.status}`, detail ?? title ?? "The server refused.", help ?? "")
    } catch {
        return new ApiError(response.status, `HTTP ${response.status}`, "The server's answer cannot be read.", "Try again; if it stays, look into the server's log.")
    }
}

export const part = (id: string): string => encodeURIComponent(id)

/** What to show of something that was thrown. */
export function toApiError(error: unknown): ApiError {
    if (error instanceof ApiError) return error
    return new ApiError(0, "HOV_CONSOLE_ERROR", error instanceof Error ? error.message : String(error), "Reload the page.")
}
