import { createHash } from "node:crypto"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { readSettingsLog, writeSettings } from "../sim/index.ts"
import { readBootView } from "../sim/bootloader-check.ts"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("what counts as healthy")
let bench: DeviceBench

/** Asks for a say of its own where the settings want it, and uses it at the tick that they name. */
const APP = `
import { startResident } from "./resident"
import { Updater } from "./updater"
import { readSetting } from "@devicescript/settings"
await startResident()
if (await readSetting("wantsSay", false)) Updater.requireConfirm()
const confirmAt = await readSetting("confirmAt", 0)
let n = 0
setInterval(() => {
    n++
    if (n === confirmAt) Updater.confirm()
    if (n % 10 === 0) console.log("tick " + n)
}, 100)
`

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
})
test.after.each(async () => {
    await Promise.all(bench.boards.splice(0).map(board => board.close()))
    bench.server.reset()
})
test.after(() => bench?.close())

/** The flash of a board that runs 1.1.0 from bank A. */
async function onBankA(): Promise<Uint8Array> {
    const board = await bench.started()
    bench.server.give(bench.update(plainImage({ sequence: 1 }), { sequence: 1 }))
    await board.waitForLine(/HOV persisted slot=A/, 10_000)
    await board.powerOff()
    bench.server.reset()
    return board.flash.contents()
}

/** As if the bank had ended in a panic once. */
function withOnePanic(flash: Uint8Array): Uint8Array {
    const log = readSettingsLog(flash)
    const view = readBootView(flash)
    const key = (view?.generation ?? 0) & 1 ? "hRec1" : "hRec0"
    const record = Buffer.from(log.live.get(`:${key}`)?.value ?? [])
    record[20] = 1
    createHash("sha256").update(record.subarray(0, 120)).digest().copy(record, 120, 0, 4)
    writeSettings(flash, { [key]: record })
    return flash
}

const panicsIn = (flash: Uint8Array) => {
    const view = readBootView(flash)
    return readSettingsLog(flash).live.get((view?.generation ?? 0) & 1 ? ":hRec1" : ":hRec0")?.value[20]
}

test("a panic is forgotten only after contact with the server, and switching off and on in between adds none", async () => {
    const flash = withOnePanic(await onBankA())
    const board = await bench.board({ flash, program: undefined, settings: {}, network: { offline: true } })
    for (let i = 0; i < 2; i++) {
        await board.powerOn()
        await board.waitForLine(/HOV boot slot=A v=1\.1\.0 seq=1 cause=power/, 8000)
        await board.waitForLine(/> tick 30/, 10_000)
        assert.is(panicsIn(board.flash.contents()), 1)
        assert.not(board.lines().some(line => line.text.includes("HOV healthy")))
        if (i === 0) await board.powerOff()
    }
    board.setNetwork({})
    await board.waitForLine(/HOV healthy/, 20_000)
    assert.is(panicsIn(board.flash.contents()), 0)
})

test("an app that wants a say has it after a start too", async () => {
    const flash = withOnePanic(await onBankA())
    writeSettings(flash, { wantsSay: true, confirmAt: 40 })
    const board = await bench.board({ flash, program: undefined, settings: {} })
    await board.powerOn()
    await board.waitForLine(/> tick 30/, 15_000)
    assert.is(panicsIn(board.flash.contents()), 1)
    await board.waitForLine(/HOV healthy/, 10_000)
    assert.is(panicsIn(board.flash.contents()), 0)
})

test.run()
