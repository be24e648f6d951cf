import type { Command } from "commander"
import { execFile } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { promisify } from "node:util"
import type { DebugInfo } from "../../toolchain/program/debug-info.ts"
import { CliError } from "../cli-error.ts"
import { serveDebugger } from "../debug/debug-server.ts"
import { EXIT } from "../exit-codes.ts"
import { BRIDGE_DEFAULT } from "../jacdac/one-board.ts"
import { linkTo } from "../jacdac/link.ts"
import { port } from "../option-values.ts"
import { shown } from "../paths.ts"
import { withProgress } from "../progress.ts"
import { action, type Session } from "../session.ts"

/** Beside the stock adapter's 8083. */
const PORT_DEFAULT = 8084

interface Options {
    readonly port: number
    readonly bridge: string
    readonly deploy: boolean
}

export function addDebug(program: Command): void {
    program
        .command("debug")
        .summary("serve a debug adapter for the linked base, for VS Code")
        .description(
            "Deploys OUT/base.devs to the board of \"npx devicescript devtools\" (USB, or the simulator in VS Code), then serves the stock\n" +
                "debug adapter with the linked base's debug information, until it is ended. Breakpoints hit in functions that no update has\n" +
                "replaced. The launch configuration \"handover: debug the linked base\" that \"handover init\" writes connects to it.",
        )
        .option("--port <port>", "where the adapter listens, on 127.0.0.1; 0 takes a free one", port, PORT_DEFAULT)
        .option("--bridge <host:port>", "where the Jacdac bridge is (npx devicescript devtools)", BRIDGE_DEFAULT)
        .option("--no-deploy", "the board runs this base already, perhaps with an update")
        .action(action(debug))
}

async function debug(session: Session, options: Options): Promise<void> {
    const { out, config } = session
    const file = (name: string) => {
        const path = join(config.outDir, name)
        if (!existsSync(path)) throw new CliError("HOV_CLI_FILE", `there is no ${shown(path)}: build the base with "handover build"`)
        return path
    }
    const [base, info] = [file("base.devs"), file("base-dbg.json")]
    const link = await linkTo(options.bridge)
    try {
        if (options.deploy) await withProgress(out, `Deploy ${shown(base)}`, () => deploy(base, config.projectDir))
        const debugInfo = () => JSON.parse(readFileSync(info, "utf8")) as DebugInfo
        const server = await serveDebugger({ link, projectDir: config.projectDir, port: options.port, debugInfo, note: text => out.note(text) })
        const address = server.address()
        const at = typeof address === "object" && address ? address.port : options.port
        out.result({ event: "ready", port: at }, () => `ready: a debug adapter listens on 127.0.0.1:${at}; ctrl-C ends it`)
        await new Promise<void>(resolve => {
            for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve)
        })
        await server.end()
    } finally {
        link.close()
    }
}

/** With the stock tool, which knows boards with and without a running program. */
async function deploy(file: string, cwd: string): Promise<void> {
    const require = createRequire(join(cwd, "package.json"))
    const tool = join(require.resolve("@devicescript/cli/package.json"), "../devicescript")
    try {
        await promisify(execFile)(process.execPath, [tool, "deploy", file], { cwd })
    } catch (e) {
        const { stdout = "", stderr = "" } = e as { stdout?: string; stderr?: string }
        throw new CliError("HOV_CLI_UNREACHABLE", `devs deploy failed: ${`${stdout}${stderr}`.trim() || e}`, EXIT.unreachable)
    }
}
