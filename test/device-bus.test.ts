import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an update over the bus")
let bench: DeviceBench

/** Fetches an artifact as any app would and gives it to the bootloader's service, here its own board's. */
const APP = `
import * as ds from "@devicescript/core"
import { fetch } from "@devicescript/net"
import { readSetting } from "@devicescript/settings"
import { startResident, withNetwork } from "./resident"
import { BusUpdater } from "./dfu/bootloader-client"
import { startBootloaderServer } from "./dfu/bootloader-server"

startBootloaderServer()
await startResident()
const board = new ds.HandoverBootloader()
board.changed.subscribe(phase => console.log("app phase " + phase))
const url = await readSetting("artifact")
const artifact = await withNetwork(async () => {
    const response = await fetch(url)
    return await response.buffer()
})
console.log("app artifact " + artifact.length)
console.log("app pushed " + (await new BusUpdater(board).push(artifact)))
while ((await board.phase.read()) !== 5) await ds.sleep(100)
console.log("app runs " + (await board.activeVersion.read()) + " from " + (await board.slot.read()) + " base " + (await board.base.read()).toString("hex"))
`

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
})
test.after(() => bench?.close())

test("runs, is kept, and is checked as one from the server", async () => {
    const artifact = bench.artifact(plainImage({ sequence: 3, sizeBytes: 1200 }), { sequence: 3, version: "1.3.0" })
    bench.server.intercept = (request, response) => {
        if (request.url !== "/artifact") return false
        response.writeHead(200, { "Content-Length": artifact.length })
        response.end(artifact)
        return true
    }
    const board = await bench.started({ settings: { artifact: `${bench.server.url}/artifact` } })
    await board.waitForLine(/app pushed true/, 10_000)
    await board.waitForLine(/HOV swap v=1\.3\.0/, 3000)
    await board.waitForLine(/app runs 1\.3\.0 from 1 base 00c0ffee00c0ffee/, 8000)
    assert.ok(board.lines().some(line => line.text.includes("app phase 4")))
})

test.run()
