import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import { BusBootloader, findBoards } from "./bootloader-client.ts"
import { bridgeLink } from "./link.ts"

const ANNOUNCE_MS = 2500

export const BRIDGE_DEFAULT = "127.0.0.1:8082"

export interface BusTarget {
    /** HOST:PORT */
    readonly bridge: string
    /** id of the board's bootloader service; not needed when there is one board */
    readonly device?: string
}

/** Finds the one board that is meant. Close it, or the process stays alive. */
export async function openBoardOnBus({ bridge, device: named }: BusTarget): Promise<{ board: BusBootloader; close(): void }> {
    const [, host, port] = /^(.+):(\d+)$/.exec(bridge) ?? []
    if (!port) throw new CliError("HOV_CLI_USAGE", `--bridge is HOST:PORT, not "${bridge}"`)
    const device = named?.toLowerCase()
    const link = await bridgeLink(host, Number(port))
    try {
        const boards = await findBoards(link, ANNOUNCE_MS, device)
        if (!boards.length) throw new CliError("HOV_CLI_UNREACHABLE", `${device ? `board ${device} is` : "no board with a bootloader service is"} not on the bus`, EXIT.unreachable)
        if (boards.length > 1) throw new CliError("HOV_CLI_USAGE", `several boards are on the bus: name one with --device: ${boards.map(b => b.deviceId).join(", ")}`)
        return { board: new BusBootloader(link, boards[0]), close: () => link.close() }
    } catch (e) {
        link.close()
        throw e
    }
}

/** Finds the one board that is meant, and gives it to `use`. */
export async function withBoardOnBus<T>(target: BusTarget, use: (board: BusBootloader) => Promise<T>): Promise<T> {
    const { board, close } = await openBoardOnBus(target)
    try {
        return await use(board)
    } finally {
        close()
    }
}
