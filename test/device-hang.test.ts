import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { writeSettings } from "../sim/index.ts"
import { DeviceBench } from "./support/device-bench.ts"
import { DEED, plainImage } from "./support/plain-image.ts"
import { deviceSources } from "./support/resident-program.ts"

const test = suite("a version that hangs after its trial")
let bench: DeviceBench

const APP = `
import { startResident } from "./resident"
await startResident()
let n = 0
setInterval(() => {
    n++
    if (n % 10 === 0) console.log("tick " + n)
}, 100)
`

test.before(async () => {
    // a watchdog that looks every minute would make this a test of several
    const health = deviceSources()["dfu/health.ts"].replace("WATCHDOG_MS = 60000", "WATCHDOG_MS = 1000").replace("HANG_MS = 10000", "HANG_MS = 1500")
    bench = await DeviceBench.open({ "main.ts": APP, "dfu/health.ts": health })
})
test.after(() => bench?.close())

test("is restarted and counted, as often as the setting allows, then given up", async () => {
    const first = await bench.started()
    bench.server.give(bench.update(plainImage({ sequence: 1, deed: DEED.starveLater }), { sequence: 1 }))
    await first.waitForLine(/HOV persisted slot=A/, 10_000)
    await first.powerOff()
    const flash = first.flash.contents()
    writeSettings(flash, { hPanics: 2 })
    const board = await bench.board({ flash, program: undefined, settings: {}, network: { offline: true } })
    await board.powerOn()
    await board.waitForLine(/HOV boot slot=A v=1\.1\.0 seq=1 cause=power/, 8000)
    await board.waitForLine(/HOV boot slot=A v=1\.1\.0 seq=1 cause=panic/, 40_000)
    // without contact with its server nothing has been forgotten in between
    await board.waitForLine(/HOV boot slot=R v=1\.0\.0 seq=0 cause=panic/, 60_000)
    await board.waitForLine(/> tick 10/, 5000)
    assert.ok(board.lines().some(line => line.text.includes("HOV code code=HOV_BOOT_PANIC")))
})

test.run()
