/**
 * A server's live events, across a handover of that server: told where the next one is, the
 * listener connects there while it still hears from the old one, and lets go of that when it
 * says so. Numbers are the same at both, so nothing is lost and nothing heard twice.
 */
import { CliError } from "./cli-error.ts"
import { EXIT } from "./exit-codes.ts"

/** Opens the stream at a server. */
export type OpenEvents = (url: string, headers: Record<string, string>) => Promise<Response>

export interface ServerEvent {
    readonly id: number | null
    readonly data: Record<string, unknown>
}

export async function* eventStream(url: string, open: OpenEvents): AsyncGenerator<Record<string, unknown>> {
    let here = { url, answer: await open(url, {}) }
    let lastId: number | null = null
    for (;;) {
        let next: { readonly url: string; readonly answer: Promise<Response> } | undefined
        for await (const { id, data } of readEvents(here.answer)) {
            if (data.type === "server.move" && typeof data.to === "string" && mayFollow(here.url, data.to)) {
                const answer = open(data.to, lastId === null ? {} : { "last-event-id": String(lastId) })
                answer.catch(() => {})
                next = { url: data.to, answer }
            }
            if (String(data.type).startsWith("server.")) continue
            // What both servers told is heard once.
            if (id !== null && lastId !== null && id <= lastId) continue
            lastId = id ?? lastId
            yield data
        }
        if (next === undefined) return
        here = { url: next.url, answer: await next.answer }
    }
}

/** The token goes along: never from an encrypted connection to one that is not. */
const mayFollow = (from: string, to: string): boolean => !from.startsWith("https:") || to.startsWith("https:")

export async function* readEvents(answer: Response): AsyncGenerator<ServerEvent> {
    const decoder = new TextDecoder()
    let rest = ""
    for await (const chunk of answer.body!) {
        rest += decoder.decode(chunk as Uint8Array, { stream: true })
        const messages = rest.split("\n\n")
        rest = messages.pop()!
        for (const message of messages) {
            let id: number | null = null
            let text = ""
            for (const line of message.split("\n")) {
                if (line.startsWith("id: ")) id = Number(line.slice(4))
                else if (line.startsWith("data: ")) text += line.slice(6)
            }
            if (text !== "") yield { id, data: parse(text) }
        }
    }
}

function parse(text: string): Record<string, unknown> {
    try {
        return JSON.parse(text) as Record<string, unknown>
    } catch {
        throw new CliError("HOV_CLI_ANSWER", "an event is not JSON: is this a Handover server?", EXIT.failed)
    }
}
