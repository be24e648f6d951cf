import type { Command } from "commander"
import { existsSync } from "node:fs"
import { CliError } from "../cli-error.ts"
import { readEnvFiles } from "../env-file.ts"
import { EXIT } from "../exit-codes.ts"
import { addNetwork, findBoardServices, storeSetting } from "../jacdac/board-services.ts"
import { linkTo } from "../jacdac/link.ts"
import { BRIDGE_DEFAULT } from "../jacdac/one-board.ts"
import { inProject } from "../paths.ts"
import { action, type Session } from "../session.ts"

interface Options {
    readonly bridge: string
    readonly device?: string
}

const ANNOUNCE_MS = 1500
/** What @devicescript/settings can have as a key. */
const KEY_MAX = 13

export function addSettings(program: Command): void {
    program
        .command("settings [files...]")
        .summary("give a connected board its settings")
        .description(
            "Stores the settings of .env files (default: .env.defaults and .env.local) on the board on the Jacdac bridge, each read\n" +
                "back. WIFI_SSID and WIFI_PWD become a network that the board joins. Values are not shown.",
        )
        .option("--bridge <host:port>", "where the Jacdac bridge is (npx devicescript devtools)", BRIDGE_DEFAULT)
        .option("--device <id>", "the board's device id, 16 hex digits; needed when there are several")
        .action(action(settings))
}

async function settings({ config, out }: Session, options: Options, files: string[]): Promise<number> {
    const paths = (files.length ? files : [".env.defaults", ".env.local"]).map(f => inProject(config, f))
    for (const path of files.length ? paths : []) if (!existsSync(path)) throw new CliError("HOV_CLI_FILE", `there is no ${path}`)
    const { WIFI_SSID: ssid, WIFI_PWD: password, ...values } = readEnvFiles(paths)
    const long = Object.keys(values).find(key => key.length > KEY_MAX)
    if (long !== undefined) throw new CliError("HOV_CLI_FILE_KIND", `the name ${long} is too long for a board: ${KEY_MAX} letters at most`)
    if (ssid === undefined && !Object.keys(values).length) throw new CliError("HOV_CLI_FILE", "there are no settings: write them into .env.local, as NAME=VALUE lines")
    const link = await linkTo(options.bridge)
    try {
        const boards = (await findBoardServices(link, ANNOUNCE_MS)).filter(b => options.device === undefined || b.deviceId === options.device.toLowerCase())
        if (!boards.length) throw new CliError("HOV_CLI_UNREACHABLE", "no board with a settings service is on the bus", EXIT.unreachable)
        if (boards.length > 1) throw new CliError("HOV_CLI_USAGE", `several boards are on the bus: name one with --device: ${boards.map(b => b.deviceId).join(", ")}`)
        const [board] = boards
        const lost: string[] = []
        for (const [key, value] of Object.entries(values)) if (!(await storeSetting(link, board, key, Buffer.from(asJson(value))))) lost.push(key)
        const joins = ssid !== undefined && board.wifi !== undefined
        if (joins) addNetwork(link, board, ssid, password ?? "")
        else if (ssid !== undefined) out.warn(`${board.deviceId} has no Wi-Fi: WIFI_SSID is left out`)
        const stored = Object.keys(values).filter(key => !lost.includes(key))
        out.result({ ok: !lost.length, device: board.deviceId, stored, lost, network: joins }, () =>
            [
                `${board.deviceId} has ${stored.join(", ") || "no new settings"}${joins ? `, and joins ${ssid}` : ""}`,
                ...(lost.length ? [`not stored: ${lost.join(", ")}: the board's settings may be full`] : []),
            ].join("\n"),
        )
        return lost.length ? EXIT.failed : EXIT.ok
    } finally {
        link.close()
    }
}

/** As scripts read it: JSON; what is none is a text, and so is a number that would lose digits (a token of digits only). */
function asJson(value: string): string {
    try {
        const parsed = JSON.parse(value) as unknown
        if (typeof parsed !== "number" || String(parsed) === value) return JSON.stringify(parsed)
    } catch {
        // a bare text
    }
    return JSON.stringify(value)
}
