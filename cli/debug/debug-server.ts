import { existsSync, readFileSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { resolve } from "node:path"
import type { DebugInfo } from "../../toolchain/program/debug-info.ts"
import { CliError } from "../cli-error.ts"
import { describeError } from "../describe-error.ts"
import type { JacdacLink } from "../jacdac/link.ts"
import { StockAdapter } from "./stock-adapter.ts"

export interface DebugServerOptions {
    readonly link: JacdacLink
    readonly projectDir: string
    readonly port: number
    /** Read at the start of each session: the base may have been built again. */
    readonly debugInfo: () => DebugInfo
    readonly note: (text: string) => void
}

/**
 * Serves the Debug Adapter Protocol on the loopback: one connection is one session of the stock adapter. They come one after
 * another, as the board has one program counter to stop.
 * @throws CliError HOV_CLI_UNREACHABLE when the port is in use
 */
export async function serveDebugger(options: DebugServerOptions): Promise<Server & { end(): Promise<void> }> {
    let busy: Socket | undefined
    let running = Promise.resolve()
    const server = createServer(socket => {
        socket.on("error", () => socket.destroy())
        if (busy !== undefined) {
            options.note("a second debugger is turned away: one is connected")
            socket.destroy()
            return
        }
        busy = socket
        running = session(options, socket)
            .catch(e => options.note(describeError(e).message))
            .finally(() => {
                busy = undefined
                socket.destroy()
            })
    })
    await new Promise<void>((resolve_, reject) => {
        server.once("error", e => reject(new CliError("HOV_CLI_UNREACHABLE", `port ${options.port} cannot be had (${e.message}): name another with --port, and in .vscode/launch.json`)))
        server.listen(options.port, "127.0.0.1", resolve_)
    })
    /** Lets an editor go that is connected. */
    const end = async () => {
        server.close()
        busy?.destroy()
        await running
    }
    return Object.assign(server, { end })
}

async function session({ link, projectDir, debugInfo, note }: DebugServerOptions, socket: Socket): Promise<void> {
    const ended = new Promise<void>(resolve_ => socket.once("close", resolve_))
    // the editor shows the file where it is what was compiled, else the text that the debug information has
    const sourceFile = ({ path, text }: { path: string; text: string }) => {
        const file = resolve(projectDir, path)
        return existsSync(file) && readFileSync(file, "utf8") === text ? file : undefined
    }
    const adapter = await StockAdapter.start(link, debugInfo(), socket, socket, sourceFile)
    note("debugger connected")
    await ended
    await adapter.close()
    note("debugger gone")
}
