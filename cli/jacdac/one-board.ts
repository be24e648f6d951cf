import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import type { Session } from "../session.ts"
import { type SimulatedBoardOptions, withSimulatedBoard } from "../simulated-board.ts"
import { type BoardOnBus, BusBootloader, findBoards } from "./bootloader-client.ts"
import { type JacdacLink, linkTo } from "./link.ts"

const ANNOUNCE_MS = 2500
/** A simulated board is powered on for it: its script starts 1.1 s later. */
const POWERED_ON_MS = 6000

export const BRIDGE_DEFAULT = "127.0.0.1:8082"

export interface BusTarget {
    /** HOST:PORT */
    readonly bridge: string
    /** id of the board's bootloader service; not needed when there is one board */
    readonly device?: string
}

export interface SimTarget extends SimulatedBoardOptions {
    readonly sim: true
    readonly device?: string
}

/** Finds the one board that is meant. Close it, or the process stays alive. */
export async function openBoardOnBus({ bridge, device: named }: BusTarget): Promise<{ board: BusBootloader; close(): void }> {
    const device = named?.toLowerCase()
    const link = await linkTo(bridge)
    try {
        return { board: theOne(link, await findBoards(link, ANNOUNCE_MS, device), device), close: () => link.close() }
    } catch (e) {
        link.close()
        throw e
    }
}

/** Finds the one board that is meant, or powers the simulated one on, and gives it to `use`. */
export async function withBoardOnBus<T>(session: Session, target: BusTarget | SimTarget, use: (board: BusBootloader) => Promise<T>): Promise<T> {
    if ("sim" in target && target.sim)
        return await withSimulatedBoard(session, target, async board => {
            const device = target.device?.toLowerCase()
            const link: JacdacLink = { send: frame => board.sendFrame(frame), onFrame: listener => board.onFrame(listener), close() {} }
            const boards = findBoards(link, POWERED_ON_MS, device, 1)
            await board.powerOn()
            return await use(theOne(link, await boards, device))
        })
    const { board, close } = await openBoardOnBus(target as BusTarget)
    try {
        return await use(board)
    } finally {
        close()
    }
}

function theOne(link: JacdacLink, boards: readonly BoardOnBus[], device: string | undefined): BusBootloader {
    if (!boards.length)
        throw new CliError("HOV_CLI_UNREACHABLE", `${device ? `board ${device} is` : "no board with a bootloader service is"} not on the bus: does its program call startBootloaderServer()?`, EXIT.unreachable)
    if (boards.length > 1) throw new CliError("HOV_CLI_USAGE", `several boards are on the bus: name one with --device: ${boards.map(b => b.deviceId).join(", ")}`)
    return new BusBootloader(link, boards[0])
}
