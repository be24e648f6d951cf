/** The stock debug adapter, as "devs devtools" offers it to VS Code, for a simulated board. */
import { readFileSync } from "node:fs"
import { createRequire, Module } from "node:module"
import { dirname } from "node:path"
import { PassThrough } from "node:stream"
import type { Board } from "../../sim/index.ts"
import type { DebugInfo } from "../../toolchain/program/debug-info.ts"

interface Bus {
    on(event: string, handler: (frame: Uint8Array & { _jacdac_sender?: string }) => void): void
    start(): Promise<void>
    stop(): Promise<void>
    sendFrameAsync(frame: Uint8Array): Promise<void>
    passive: boolean
}

interface DapSession {
    start(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): void
    setRunAsServer(on: boolean): void
    finish(): Promise<void>
    dispose(): void
}

interface StockTools {
    DsDapSession: new (bus: Bus, debug: DebugInfo) => DapSession
    JDBus: new (transports: unknown[], options: object) => Bus
}

let loaded: StockTools | undefined

/** Out of the command's own file, which exports no more than its main function. */
function stockTools(): StockTools {
    if (loaded) return loaded
    const file = createRequire(import.meta.url).resolve("@devicescript/cli/built/devicescript-cli.cjs")
    const source = readFileSync(file, "utf8").replace(/^#!/, "//")
    if (!source.includes("new import_dap.DsDapSession(devtoolsSelf.bus, dbg, resolvePath)")) throw new Error(`no debug adapter in ${file}: install @devicescript/cli 2.16.4`)
    const module = new Module(file) as Module & { _compile(code: string, file: string): void }
    module.filename = file
    module.paths = (Module as unknown as { _nodeModulePaths(dir: string): string[] })._nodeModulePaths(dirname(file))
    module._compile(`${source}\nmodule.exports = { DsDapSession: import_dap.DsDapSession, JDBus }`, file)
    loaded = module.exports as StockTools
    return loaded
}

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

/** What an editor says to the adapter, and what it hears. */
export class StockDebugger {
    private readonly bus: Bus
    private readonly session: DapSession
    private readonly toAdapter = new PassThrough()
    private readonly heard: Message[] = []
    private wake: () => void = () => {}
    private seq = 0
    private readonly unplug: () => void

    private constructor(board: Board, debug: DebugInfo) {
        const { DsDapSession, JDBus } = stockTools()
        this.bus = new JDBus([], { client: false, disableRoleManager: true, proxy: true })
        this.bus.passive = false
        this.bus.on("frameProcess", frame => {
            if (frame._jacdac_sender !== "board") board.sendFrame(Buffer.from(frame))
        })
        this.unplug = board.onFrame(frame => {
            const copy = Object.assign(new Uint8Array(frame), { _jacdac_sender: "board" })
            void this.bus.sendFrameAsync(copy)
        })
        this.session = new DsDapSession(this.bus, debug)
        const fromAdapter = new PassThrough()
        this.session.setRunAsServer(true)
        this.session.start(this.toAdapter, fromAdapter)
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

    /** Starts the program anew under the debugger, with breakpoints on these lines; it runs until the first is hit. */
    static async launch(board: Board, debug: DebugInfo, deviceId: string, path: string, lines: readonly number[]): Promise<{ debug: StockDebugger; verified: readonly { readonly verified: boolean; readonly line: number }[] }> {
        const one = new StockDebugger(board, debug)
        try {
            await one.bus.start()
            await one.ask("initialize", { adapterID: "devicescript", pathFormat: "path", linesStartAt1: true, columnsStartAt1: true })
            await one.ask("launch", { deviceId, stopOnEntry: false })
            const { breakpoints } = await one.ask("setBreakpoints", { source: { path }, breakpoints: lines.map(line => ({ line })) })
            await one.ask("configurationDone", {})
            return { debug: one, verified: breakpoints }
        } catch (e) {
            await one.close()
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
        await this.session.finish()
        this.unplug()
        this.session.dispose()
        await this.bus.stop()
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
