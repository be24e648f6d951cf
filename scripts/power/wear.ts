import { type ChipName, createBoard, writeSettings } from "../../sim/index.ts"
import { PowerRun } from "./power-run.ts"
import { factoryFlash } from "./scenarios.ts"

export interface Wear {
    chip: ChipName
    sizeBytes: number
    updates: number
    /** Erases of the sector that is erased most. */
    sectorErasesPer1000Updates: number
    erasesPer1000Updates: number
    gcsPer1000Updates: number
    /** Updates until the first sector has had 100,000 erases. */
    updatesWithin100000Cycles: number
    erasesPer1000Boots: number
    operationsPerBoot: number
    /** Bytes of the log that the user's own settings take here. */
    userBytes: number
}

const CYCLES = 100_000
const USER_VALUES = 8
const USER_VALUE_BYTES = 32
const BOOTS = 20

/** Installs many updates on a board with settings of its user's, and counts erases. */
export async function wear(chip: ChipName, program: Uint8Array, sizeBytes: number, updates: number): Promise<Wear> {
    const flash = factoryFlash(chip)
    for (let i = 0; i < USER_VALUES; i++) writeSettings(flash, { [`user${i}`]: new Uint8Array(USER_VALUE_BYTES).fill(i + 1) })
    const board = await createBoard({ deviceId: "12abdd2289421234", chip, program, flash, ownClock: true })
    try {
        const run = new PowerRun(board)
        // until both banks and the log are in their steady state
        run.give([{ sequence: 1, sizeBytes, deed: 0, last: 8 }])
        await run.toTheEnd()
        run.give([{ sequence: 9, sizeBytes, deed: 0, last: 8 + updates }])
        board.flash.resetCounters()
        const before = board.flash.settingsLog()
        await run.on()
        await board.waitForLine(new RegExp(`^> driver done .*seq=${8 + updates} `), 60_000 + updates * 2000)
        await run.off()
        const after = board.flash.settingsLog()
        const { erases, sectorErases } = board.flash
        const worst = Math.max(...sectorErases)
        board.flash.resetCounters()
        for (let i = 0; i < BOOTS; i++) await run.toTheEnd()
        return {
            chip,
            sizeBytes,
            updates,
            sectorErasesPer1000Updates: round((worst / updates) * 1000),
            erasesPer1000Updates: round((erases / updates) * 1000),
            gcsPer1000Updates: round(((after.generation - before.generation) / updates) * 1000),
            updatesWithin100000Cycles: Math.floor((CYCLES / worst) * updates),
            erasesPer1000Boots: (board.flash.erases / BOOTS) * 1000,
            operationsPerBoot: board.flash.operations / BOOTS,
            userBytes: USER_VALUES * (24 + USER_VALUE_BYTES),
        }
    } finally {
        await board.close()
    }
}

const round = (x: number) => Math.round(x * 10) / 10
