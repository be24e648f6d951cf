/** The stock debug adapter, as "devs devtools" offers it to VS Code, with debug information of our choice. */
import { compilerBundle, runBundle } from "../../toolchain/compiler-bundle.ts"
import type { DebugInfo } from "../../toolchain/program/debug-info.ts"
import { CliError } from "../cli-error.ts"
import type { JacdacLink } from "../jacdac/link.ts"

interface Bus {
    on(event: string, handler: (frame: Uint8Array & { _jacdac_sender?: string }) => void): void
    start(): Promise<void>
    stop(): Promise<void>
    sendFrameAsync(frame: Uint8Array): Promise<void>
    passive: boolean
}

/** Where the editor has a source file that the debug information names; undefined: its text is shown from there. */
export type ResolvePath = (source: { readonly path: string; readonly text: string }) => string | undefined

interface DapSession {
    start(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): void
    setRunAsServer(on: boolean): void
    finish(): Promise<void>
    dispose(): void
}

interface StockTools {
    DsDapSession: new (bus: Bus, debug: DebugInfo, resolvePath?: ResolvePath) => DapSession
    JDBus: new (transports: unknown[], options: object) => Bus
}

/** It talks to standard output, which here is for results. What is wrong it says on the error stream, and goes on doing so. */
const quiet = "const console = Object.assign(Object.create(globalThis.console), { log() {}, info() {}, debug() {} });"

let loaded: StockTools | undefined

/** Out of the command's own file, which exports no more than its main function. */
function stockTools(): StockTools {
    if (loaded) return loaded
    const { file, text } = compilerBundle()
    if (!text.includes("new import_dap.DsDapSession(devtoolsSelf.bus, dbg, resolvePath)"))
        throw new CliError("HOV_CLI_DEVICESCRIPT", `no debug adapter in the installed @devicescript/cli: install version 2.16.4`)
    loaded = runBundle(file, `${quiet}${text}\nmodule.exports = { DsDapSession: import_dap.DsDapSession, JDBus }`) as StockTools
    return loaded
}

/** One debugging session: what an editor writes goes into `input`, what the adapter says comes out of `output`. */
export class StockAdapter {
    private readonly bus: Bus
    private readonly session: DapSession
    private readonly unplug: () => void

    private constructor(link: Pick<JacdacLink, "send" | "onFrame">, debug: DebugInfo, resolvePath?: ResolvePath) {
        const { DsDapSession, JDBus } = stockTools()
        this.bus = new JDBus([], { client: false, disableRoleManager: true, proxy: true })
        this.bus.passive = false
        this.bus.on("frameProcess", frame => {
            if (frame._jacdac_sender !== "board") link.send(Buffer.from(frame))
        })
        this.unplug = link.onFrame(frame => {
            const copy = Object.assign(new Uint8Array(frame), { _jacdac_sender: "board" })
            void this.bus.sendFrameAsync(copy)
        })
        this.session = new DsDapSession(this.bus, debug, resolvePath)
        this.session.setRunAsServer(true)
    }

    static async start(link: Pick<JacdacLink, "send" | "onFrame">, debug: DebugInfo, input: NodeJS.ReadableStream, output: NodeJS.WritableStream, resolvePath?: ResolvePath): Promise<StockAdapter> {
        const adapter = new StockAdapter(link, debug, resolvePath)
        adapter.session.start(input, output)
        await adapter.bus.start()
        return adapter
    }

    async close(): Promise<void> {
        try {
            await this.session.finish()
        } finally {
            this.unplug()
            this.session.dispose()
            await this.bus.stop()
        }
    }
}
