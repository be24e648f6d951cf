import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { powerFirmware } from "../scripts/power/firmware.ts"
import { bankBytes, type Board, type ChipName, createBoard, emptyFlash, readSettingsLog, writeSettings } from "../sim/index.ts"

const test = suite("the log of a store that does not know us")
let program: Uint8Array

test.before(async () => {
    program = await powerFirmware()
})

async function newBoard(chip: ChipName): Promise<Board> {
    const flash = emptyFlash(chip)
    writeSettings(flash, { hTrialMs: 400, mine: "kept" })
    return await createBoard({ deviceId: "12abdd2289421234", chip, program, flash, skipSleeps: true })
}

for (const chip of ["esp32", "rp2040"] as const) {
    test(`is brought through a GC once on ${chip}, and keeps what was in it`, async () => {
        const board = await newBoard(chip)
        try {
            await board.powerOn()
            await board.waitForLine(/HOV prepared/, 20_000)
            await board.powerOff()
            const log = board.flash.settingsLog()
            assert.ok(log.generation >= 2, `generation ${log.generation}`)
            assert.is(board.flash.setting("mine"), "kept")
            assert.is(log.live.get(":hLog")?.sizeBytes, 1)
            const operations = board.flash.operations
            await board.powerOn()
            await board.waitForLine(/> driver done/, 20_000)
            await board.powerOff()
            assert.is(board.flash.operations, operations, "only once")
        } finally {
            await board.close()
        }
    })

    test(`does not format for ever on ${chip}, once the program is there again`, async () => {
        const board = await newBoard(chip)
        try {
            await board.powerOn()
            await board.waitForLine(/HOV prepared/, 20_000)
            await board.powerOff()
            board.flash.load(tornSecondBank(board.flash.contents()))
            for (let i = 0; i < 2; i++) {
                await board.powerOn()
                await board.waitForLine(/fstor: formatting now/, 5000)
                await board.powerOff()
            }
            await board.powerOn()
            await board.deploy(program)
            await board.waitForLine(/HOV prepared/, 20_000)
            await board.powerOff()
            assert.is(board.flash.settingsLog().damage, undefined)
            await board.powerOn()
            await board.waitForLine(/HOV boot slot=R .*store=true/, 5000)
        } finally {
            await board.close()
        }
    })
}

/** The log is in its second bank, and a write there was cut. */
function tornSecondBank(flash: Uint8Array): Uint8Array {
    const size = bankBytes(flash.length)
    if (readSettingsLog(flash).bank === 0) {
        // the same contents in the second bank, a generation on
        const first = Buffer.from(flash.slice(0, size))
        for (let at = 24; first.readUInt32LE(at + 16) !== 0xffffffff; at += 24)
            if (first[at] !== 0x2a) first.writeUInt32LE(first.readUInt32LE(at + 16) + size, at + 16)
        first.writeUInt32LE(first.readUInt32LE(8) + 1, 8)
        flash.set(first, size)
    }
    const log = readSettingsLog(flash)
    assert.is(log.bank, 1)
    assert.is(log.damage, undefined)
    const lowest = Math.min(...log.history.filter(entry => !entry.key.startsWith("*")).map(entry => entry.offset))
    flash[lowest - 40] = 0
    return flash
}

test.run()
