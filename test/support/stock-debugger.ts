/** What VS Code does with the stock debug adapter, for a simulated board. */
import { once } from "node:events"
import { connect } from "node:net"
import { PassThrough } from "node:stream"
import { StockAdapter } from "../../cli/debug/stock-adapter.ts"
import type { Board } from "../../sim/index.ts"
import type { DebugInfo } from "../../toolchain/program/debug-info.ts"

export interface StoppedAt {
    readonly reason: string
    /** innermost first */
    readonly frames: readonly { readonly id: number; readonly name: string; readonly line: number; readonly path: string }[]
}

interface Message {
    readonly type: "response" | "event"
    readonly request_seq: number
    readonly success: boolean
    readonly message?: string
    readonly command: string
    readonly event: string
    readonly body: any
}

const ANSWER_MS = 30_000

export interface Launched {
    readonly debug: StockDebugger
    readonly verified: readonly { readonly verified: boolean; readonly line: number }[]
}

/** What an editor says to the adapter, and what it hears. */
export class StockDebugger {
    private readonly toAdapter: NodeJS.WritableStream
    private readonly end: () => Promise<void>
    private readonly heard: Message[] = []
    private wake: () => void = () => {}
    private seq = 0

    private constructor(toAdapter: NodeJS.WritableStream, fromAdapter: NodeJS.ReadableStream, end: () => Promise<void>) {
        this.toAdapter = toAdapter
        this.end = end
        let rest = Buffer.alloc(0)
        fromAdapter.on("data", (chunk: Buffer) => {
            rest = Buffer.concat([rest, chunk])
            for (;;) {
                const head = rest.indexOf("\r\n\r\n")
                const length = head < 0 ? 0 : Number(/Content-Length: (\d+)/.exec(rest.toString("latin1", 0, head))?.[1])
                if (head < 0 || rest.length < head + 4 + length) break
                this.heard.push(JSON.parse(rest.toString("utf8", head + 4, head + 4 + length)) as Message)
                rest = rest.subarray(head + 4 + length)
            }
            this.wake()
        })
    }

    /** Of a simulated board, without anything between. */
    static async launch(board: Board, debug: DebugInfo, deviceId: string, path: string, lines: readonly number[]): Promise<Launched> {
        const [toAdapter, fromAdapter] = [new PassThrough(), new PassThrough()]
        const link = { send: (frame: Uint8Array) => board.sendFrame(frame), onFrame: board.onFrame.bind(board) }
        const adapter = await StockAdapter.start(link, debug, toAdapter, fromAdapter)
        return await new StockDebugger(toAdapter, fromAdapter, () => adapter.close()).start(deviceId, path, lines)
    }

    /** At an adapter's port. */
    static async launchAt(port: number, deviceId: string, path: string, lines: readonly number[]): Promise<Launched> {
        const socket = connect({ host: "127.0.0.1", port })
        await once(socket, "connect")
        return await new StockDebugger(socket, socket, async () => void socket.destroy()).start(deviceId, path, lines)
    }

    /** Starts the program anew under the debugger, with breakpoints on these lines; it runs until the first is hit. */
    private async start(deviceId: string, path: string, lines: readonly number[]): Promise<Launched> {
        try {
            await this.ask("initialize", { adapterID: "devicescript", pathFormat: "path", linesStartAt1: true, columnsStartAt1: true })
            await this.ask("launch", { deviceId, stopOnEntry: false })
            const { breakpoints } = await this.ask("setBreakpoints", { source: { path }, breakpoints: lines.map(line => ({ line })) })
            await this.ask("configurationDone", {})
            return { debug: this, verified: breakpoints }
        } catch (e) {
            await this.close()
            throw e
        }
    }

    async stopped(): Promise<StoppedAt> {
        const { reason, threadId } = (await this.next(m => m.type === "event" && m.event === "stopped", "it stops")).body
        const { stackFrames } = await this.ask("stackTrace", { threadId })
        return { reason, frames: stackFrames.map((f: { id: number; name: string; line: number; source: { path: string } }) => ({ id: f.id, name: f.name, line: f.line, path: f.source.path })) }
    }

    /** Names and values of a frame's variables, by what the editor calls the scope. */
    async variables(frameId: number, scope: RegExp): Promise<Record<string, string>> {
        const { scopes } = await this.ask("scopes", { frameId })
        const found = scopes.find((s: { name: string }) => scope.test(s.name))
        if (!found) throw new Error(`no scope ${scope} in ${JSON.stringify(scopes)}`)
        const { variables } = await this.ask("variables", { variablesReference: found.variablesReference })
        return Object.fromEntries(variables.map((v: { name: string; value: string }) => [v.name, v.value]))
    }

    async resume(): Promise<void> {
        await this.ask("continue", { threadId: 1 })
    }

    async close(): Promise<void> {
        await this.end()
    }

    private async ask(command: string, args: object): Promise<any> {
        const seq = ++this.seq
        const text = JSON.stringify({ seq, type: "request", command, arguments: args })
        this.toAdapter.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
        const answer = await this.next(m => m.type === "response" && m.request_seq === seq, command)
        if (!answer.success) throw new Error(`${command}: ${answer.message}`)
        return answer.body
    }

    private async next(is: (message: Message) => boolean, what: string): Promise<Message> {
        const endMs = performance.now() + ANSWER_MS
        for (;;) {
            const at = this.heard.findIndex(is)
            if (at >= 0) return this.heard.splice(at, 1)[0]
            const leftMs = endMs - performance.now()
            if (leftMs <= 0) throw new Error(`waited ${ANSWER_MS} ms until ${what}; heard: ${JSON.stringify(this.heard.slice(-5))}`)
            await new Promise<void>(resolve => {
                const timer = setTimeout(resolve, leftMs)
                this.wake = () => {
                    clearTimeout(timer)
                    resolve()
                }
            })
        }
    }
}
