import { deviceSources } from "../../test/support/resident-program.ts"
import { type ChipName, createBoard, TYPICAL_TIMING } from "../../sim/index.ts"
import type { BootloaderWatch } from "../../sim/bootloader-watch.ts"
import { powerFirmware } from "./firmware.ts"
import { PowerRun } from "./power-run.ts"
import { factoryFlash } from "./scenarios.ts"

export interface Encoding {
    chip: ChipName
    sizeBytes: number
    pieceBytes: number
    writesPerUpdate: number
    exposedUsPerUpdate: number
}

/** 128 with its record of 128 begins every value at half a page; 208 is the largest that one packet carries. */
export const PIECE_SIZES = [64, 104, 128, 168, 192, 208]
const UPDATES = 24

const constant = "PIECE_BYTES = 208"

/** How long the store is exposed in an update when banks are written in pieces of another size. */
export async function exposure(pieceBytes: number, kinds: readonly { chip: ChipName; sizeBytes: number }[]): Promise<Encoding[]> {
    const banks = deviceSources()["bootloader/banks.ts"]
    if (!banks.includes(constant)) throw new Error(`src/bootloader/banks.ts has no ${constant}`)
    const program = await powerFirmware({ "bootloader/banks.ts": banks.replace(constant, `PIECE_BYTES = ${pieceBytes}`) })
    const results: Encoding[] = []
    for (const { chip, sizeBytes } of kinds) {
        const board = await createBoard({ deviceId: "12abdd2289421234", chip, program, flash: factoryFlash(chip), ownClock: true })
        try {
            const run = new PowerRun(board)
            // the first start writes the program; a log that small pieces have filled would have no room for the job afterwards
            await run.toTheEnd()
            if (!run.give([{ sequence: 1, sizeBytes, deed: 0, last: UPDATES }])) throw new Error("no room for the job")
            await run.on()
            await board.waitForLine(new RegExp(`^> driver done .*seq=${UPDATES} `), 120_000)
            await run.off()
            const { writes, exposedPages } = run.watch as BootloaderWatch
            results.push({ chip, sizeBytes, pieceBytes, writesPerUpdate: writes / UPDATES, exposedUsPerUpdate: Math.round((exposedPages * TYPICAL_TIMING.programPageMs * 1000) / UPDATES) })
        } finally {
            await board.close()
        }
    }
    return results
}
