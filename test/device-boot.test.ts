import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { type Board, createBoard, readSettingsLog, writeSettings } from "../sim/index.ts"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"
import { buildPlainFirmware } from "./support/resident-program.ts"

const test = suite("the start of a board")
let bench: DeviceBench

benchFor(test, async () => {
    bench = await DeviceBench.open()
    const board = await bench.started()
    bench.server.give(bench.update(plainImage({ sequence: 1 }), { sequence: 1 }))
    await board.waitForLine(/HOV persisted slot=A/, 5000)
    bench.server.give(bench.update(plainImage({ sequence: 2 }), { sequence: 2 }))
    await board.waitForLine(/HOV persisted slot=B/, 5000)
    await board.powerOff()
    onBankB = board.flash.contents()
    return bench
})

/** The flash of a board that was on 1.1.0 (bank A) and is on 1.2.0 (bank B). */
let onBankB: Uint8Array

/** A board with that flash, and other values in it. */
async function boardWith(settings: Record<string, Uint8Array>): Promise<Board> {
    const flash = Uint8Array.from(onBankB)
    writeSettings(flash, settings)
    const board = await bench.board({ flash, program: undefined, settings: {} })
    await board.powerOn()
    return board
}

function stored(key: string): Uint8Array {
    return readSettingsLog(onBankB).live.get(`:${key}`)?.value as Uint8Array
}

test("with a damaged bank is on the bank before, says why, and stays there", async () => {
    const damaged = await boardWith({ hB1: stored("hB1").map((byte, i) => (i === 20 ? byte ^ 1 : byte)) })
    await damaged.waitForLine(/HOV boot slot=A v=1\.1\.0/, 5000)
    const status = await bench.server.waitForStatus(s => s.code === "HOV_BANK_LOAD", 5000)
    assert.is(status.v, "1.1.0")
    assert.is(status.state, "rolledBack")
    await damaged.powerCycle()
    await damaged.waitForLine(/HOV boot slot=A v=1\.1\.0/, 5000)
})

test("with one copy of the boot record in ruins goes by the other", async () => {
    const records = ["hRec0", "hRec1"].map(stored)
    const generations = records.map(bytes => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true))
    const older = generations[0] < generations[1] ? "hRec0" : "hRec1"
    const damaged = await boardWith({ [older]: Buffer.from("nonsense") })
    await damaged.waitForLine(/HOV boot slot=B v=1\.2\.0/, 5000)
})

test("with garbage for a boot record runs R within 2 s", async () => {
    const damaged = await boardWith({ hRec0: Buffer.alloc(124, 0x5a), hRec1: Buffer.alloc(215) })
    const line = await damaged.waitForLine(/HOV boot slot=R/, 5000)
    assert.ok(Number(/ms=(\d+)/.exec(line)?.[1]) < 2000, line)
    await damaged.waitForLine(/> t 10\b/, 3000)
})

test("with a store that never answers runs R within 2 s, and writes nothing", async () => {
    // a second role takes the one settings service, so the resident's is never bound
    const main = `
        import * as ds from "@devicescript/core"
        import "./thief"
        import { startResident } from "./resident"
        import "./app"
        await startResident()
    `
    const thief = `
        import * as ds from "@devicescript/core"
        export const taken = new ds.Settings()
        while (!taken.isBound) await ds.sleep(1)
    `
    const { devs } = await buildPlainFirmware({ "main.ts": main, "thief.ts": thief })
    const board = await createBoard({ deviceId: "12abdd2289421234", program: devs })
    bench.boards.push(board)
    await board.powerOn()
    const line = await board.waitForLine(/HOV boot slot=R/, 8000)
    assert.match(line, /store=false/)
    assert.ok(Number(/ms=(\d+)/.exec(line)?.[1]) < 2000, line)
    const operations = board.flash.operations
    await board.waitForLine(/> t 100\b/, 5000)
    assert.is(board.flash.operations, operations)
})

test.run()
