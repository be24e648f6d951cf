import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an app that restarts itself")
let bench: DeviceBench

const APP = `
import * as ds from "@devicescript/core"
import { startResident } from "./resident"
import { readSetting, writeSetting } from "@devicescript/settings"
import { Updater } from "./updater"

await startResident()
// four restarts in a row, long before anything counts as healthy
setInterval(async () => {
    const left = await readSetting("left", 0)
    if (!left || Updater.current().bank === "R") return
    await writeSetting("left", left - 1)
    ds.restart()
}, 300)
`

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
})
test.after(() => bench?.close())

test("does not lose its version to the count of crashes", async () => {
    const board = await bench.started({ settings: { left: 4 } })
    bench.server.give(bench.update(plainImage({ sequence: 1 }), { sequence: 1 }))
    await board.waitForLine(/HOV persisted slot=A/, 6000)
    for (let i = 0; i < 4; i++) await board.waitForLine(/HOV boot slot=A v=1\.1\.0 seq=1 cause=(restart|power)/, 6000)
    await board.waitForLine(/HOV healthy/, 6000)
    assert.not(board.lines().some(line => line.text.includes("HOV code")))
})

test.run()
