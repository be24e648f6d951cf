import type { Command } from "commander"
import { existsSync, readFileSync } from "node:fs"
import { parseArtifact } from "../../toolchain/format/artifact.ts"
import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import { BusBootloader, findBoards } from "../jacdac/bootloader-client.ts"
import { bridgeLink, type JacdacLink } from "../jacdac/link.ts"
import { withProgress } from "../progress.ts"
import { action, type Session } from "../session.ts"

interface Options {
    readonly via: string
    readonly bridge: string
    readonly device?: string
    readonly timeout: string
}

const ANNOUNCE_MS = 2500

export function addPush(program: Command): void {
    program
        .command("push <artifact>")
        .summary("give an artifact to a board on the bus, without a server")
        .description(
            "Writes a signed artifact (.hoa) to a board over Jacdac and waits for the end of its trial. The board checks it as one\n" +
                "from the server. The board's program must have called startBootloaderServer().",
        )
        .option("--via <bus>", "how to reach the board: jacdac", "jacdac")
        .option("--bridge <host:port>", "where the Jacdac bridge is (npx devicescript devtools)", "127.0.0.1:8082")
        .option("--device <id>", "the id of its bootloader service on the bus, 16 hex digits (a script's servers have an id of their own); needed when there are several")
        .option("--timeout <seconds>", "how long to wait for the end of the trial", "60")
        .action(action(push))
}

async function push(session: Session, options: Options, file: string): Promise<number> {
    if (options.via !== "jacdac") throw new CliError("HOV_CLI_USAGE", `there is no way "${options.via}": use --via jacdac`)
    const [, host, port] = /^(.+):(\d+)$/.exec(options.bridge) ?? []
    if (!port) throw new CliError("HOV_CLI_USAGE", `--bridge is HOST:PORT, not "${options.bridge}"`)
    if (!existsSync(file)) throw new CliError("HOV_CLI_FILE", `there is no artifact ${file}: make one with "handover release"`)
    const bytes = new Uint8Array(readFileSync(file))
    const link = await bridgeLink(host, Number(port))
    try {
        return await pushOver(session, link, bytes, options.device?.toLowerCase(), Number(options.timeout) * 1000)
    } finally {
        link.close()
    }
}

/** The verb's work over any link. */
export async function pushOver(session: Session, link: JacdacLink, artifact: Uint8Array, device: string | undefined, timeoutMs: number): Promise<number> {
    const { manifest } = parseArtifact(artifact)
    const boards = await findBoards(link, ANNOUNCE_MS, device)
    if (!boards.length) throw new CliError("HOV_CLI_UNREACHABLE", `${device ? `board ${device} is` : "no board with a bootloader service is"} not on the bus`, EXIT.unreachable)
    if (boards.length > 1) throw new CliError("HOV_CLI_USAGE", `several boards are on the bus: name one with --device: ${boards.map(b => b.deviceId).join(", ")}`)
    const board = new BusBootloader(link, boards[0])
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
