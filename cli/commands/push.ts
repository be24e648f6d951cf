import type { Command } from "commander"
import { existsSync, readFileSync } from "node:fs"
import { parseArtifact } from "../../toolchain/format/artifact.ts"
import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import type { BusBootloader } from "../jacdac/bootloader-client.ts"
import { BRIDGE_DEFAULT, withBoardOnBus } from "../jacdac/one-board.ts"
import { withProgress } from "../progress.ts"
import { action, type Session } from "../session.ts"

interface Options {
    readonly via: string
    readonly bridge: string
    readonly device?: string
    readonly timeout: string
}

export function addPush(program: Command): void {
    program
        .command("push <artifact>")
        .summary("give an artifact to a board on the bus, without a server")
        .description(
            "Writes a signed artifact (.hoa) to a board over Jacdac and waits for the end of its trial. The board checks it as one\n" +
                "from the server. The board's program must have called startBootloaderServer().",
        )
        .option("--via <bus>", "how to reach the board: jacdac", "jacdac")
        .option("--bridge <host:port>", "where the Jacdac bridge is (npx devicescript devtools)", BRIDGE_DEFAULT)
        .option("--device <id>", "the id of its bootloader service on the bus, 16 hex digits (a script's servers have an id of their own); needed when there are several")
        .option("--timeout <seconds>", "how long to wait for the end of the trial", "60")
        .action(action(push))
}

async function push(session: Session, options: Options, file: string): Promise<number> {
    if (options.via !== "jacdac") throw new CliError("HOV_CLI_USAGE", `there is no way "${options.via}": use --via jacdac`)
    if (!existsSync(file)) throw new CliError("HOV_CLI_FILE", `there is no artifact ${file}: make one with "handover release"`)
    const artifact = new Uint8Array(readFileSync(file))
    return await withBoardOnBus(session, options, board => pushTo(session, board, artifact, Number(options.timeout) * 1000))
}

/** Gives the artifact to the board and waits for its end. */
export async function pushTo(session: Session, board: BusBootloader, artifact: Uint8Array, timeoutMs: number): Promise<number> {
    const { manifest } = parseArtifact(artifact)
    const before = await board.state()
    const state = await withProgress(session.out, `Push ${manifest.version} to ${board.board.deviceId}`, async tell => {
        await board.push(artifact, done => tell(`${done} of ${artifact.length} bytes`))
        return await board.waitForEnd(timeoutMs, tell)
    })
    const ok = state.phase === "confirmed" && state.version === manifest.version
    session.out.result({ ok, device: board.board.deviceId, before: before.version, ...state }, () =>
        ok ? `${board.board.deviceId} runs ${state.version} from bank ${state.slot}` : `${board.board.deviceId} did not keep ${manifest.version}: ${state.phase} ${state.code}; it runs ${state.version}`,
    )
    return ok ? EXIT.ok : EXIT.updateFailed
}
