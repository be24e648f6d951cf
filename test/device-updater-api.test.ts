import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an app that holds the reins")
let bench: DeviceBench

/** Does what Jacdac-free people do with a serial line: says everything it sees. */
const APP = `
import { onActivate, startResident, withNetwork } from "./resident"
import { Updater } from "./updater"
import { fetch } from "@devicescript/net"
import { readSetting } from "@devicescript/settings"

await startResident()
onActivate(async a => console.log("app activate " + a.reason + " " + a.from + " to " + a.to))
Updater.onChange(s => console.log("app phase " + Updater.status().state + " " + s.doneBytes))
Updater.requireConfirm()
let n = 0
setInterval(async () => {
    n++
    if (n === 20) {
        const text = await withNetwork(async () => {
            const r = await fetch((await readSetting("hUrl")) + "/v1/blobs/none")
            return r.status
        })
        console.log("app fetched " + text)
    }
    if (Updater.current().onTrial && Updater.current().version === "1.2.0") Updater.reject()
    if (Updater.current().onTrial && Updater.current().version === "1.1.0") Updater.confirm()
    if (n % 10 === 0) console.log("app path " + Updater.path() + " runs " + Updater.current().version)
}, 100)
await Updater.check()
`

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
})
test.after(() => bench?.close())

test("is told of activations, confirms one image, rejects the next and shares the socket", async () => {
    const board = await bench.started()
    await board.waitForLine(/app fetched 401/, 8000)
    bench.server.give(bench.update(plainImage({ sequence: 1 }), { sequence: 1, version: "1.1.0" }))
    await board.waitForLine(/app activate hot 1\.0\.0 to 1\.1\.0/, 5000)
    await board.waitForLine(/app phase confirmed/, 5000)
    await board.waitForLine(/app path A runs 1\.1\.0/, 3000)

    bench.server.give(bench.update(plainImage({ sequence: 2 }), { sequence: 2, version: "1.2.0" }))
    await board.waitForLine(/app activate hot 1\.1\.0 to 1\.2\.0/, 5000)
    await board.waitForLine(/app activate rollback 1\.2\.0 to 1\.1\.0/, 5000)
    const status = await bench.server.waitForStatus(s => s.state === "rolledBack", 5000)
    assert.is(status.code, "HOV_TRIAL_REJECTED")

    await board.powerCycle()
    await board.waitForLine(/app activate boot 1\.0\.0 to 1\.1\.0/, 6000)
})

test.run()
