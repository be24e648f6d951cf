import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { type Bus, connectBus } from "../sim/index.ts"
import { DeviceBench } from "./support/device-bench.ts"
import { DEED, plainImage } from "./support/plain-image.ts"
import { TOKEN } from "./support/update-server.ts"

const test = suite("a board with a network that updates one without")
let gateway: DeviceBench
let node: DeviceBench
let bus: Bus | undefined

/** Has a server of its own and fetches for its neighbour, by HTTP and through the updater's one socket. */
const GATEWAY = `
import * as ds from "@devicescript/core"
import { fetch } from "@devicescript/net"
import { readSetting } from "@devicescript/settings"
import { startResident, withNetwork } from "./resident"
import { BusUpdater } from "./dfu/bootloader-client"

await startResident()
const other = new ds.HandoverBootloader()
const url = await readSetting("artifacts")
other.changed.subscribe(phase => console.log("gateway hears " + phase))
async function give(n: number) {
    const artifact = await withNetwork(async () => {
        const response = await fetch(url + n)
        return await response.buffer()
    })
    const code = await new BusUpdater(other).install(artifact, 60000)
    console.log("gateway gave " + n + " code=" + code + " runs=" + (await other.activeVersion.read()))
}
for (let i = 1; i <= 3; i++) await give(i)
await other.rollback()
for (let i = 0; i < 40 && (await other.activeVersion.read()) !== "1.1.0"; i++) await ds.sleep(250)
console.log("gateway ordered back runs=" + (await other.activeVersion.read()) + " next=" + (await other.nextSlot.read()))
`

const NODE = `
import { startResident } from "./resident"
import { startBootloaderServer } from "./dfu/bootloader-server"
startBootloaderServer()
await startResident()
let n = 0
setInterval(() => {
    n++
    if (n % 50 === 0) console.log("node works " + n)
}, 20)
`

test.before(async () => {
    gateway = await DeviceBench.open({ "main.ts": GATEWAY })
    node = await DeviceBench.open({ "main.ts": NODE })
})
test.after(async () => {
    bus?.disconnect()
    await gateway?.close()
    await node?.close()
})

test("gives it two versions and a bad one, sees which it keeps, and orders it back", async () => {
    const artifacts = [
        node.artifact(plainImage({ sequence: 1, sizeBytes: 1000 }), { sequence: 1, version: "1.1.0" }),
        node.artifact(plainImage({ sequence: 2, sizeBytes: 700 }), { sequence: 2, version: "1.2.0" }),
        node.artifact(plainImage({ sequence: 3, sizeBytes: 700, deed: DEED.throw }), { sequence: 3, version: "1.3.0" }),
    ]
    gateway.server.intercept = (request, response) => {
        const artifact = artifacts[Number(/^\/artifact\/(\d)$/.exec(request.url ?? "")?.[1]) - 1]
        if (!artifact) return false
        response.writeHead(200, { "Content-Length": artifact.length, Connection: "close" })
        response.end(artifact)
        return true
    }
    const far = await node.board({ deviceId: "34abdd2289421234", chip: "rp2040", settings: { hUrl: "" } })
    const near = await gateway.board({ settings: { hUrl: gateway.server.url, hToken: TOKEN, artifacts: `${gateway.server.url}/artifact/` } })
    bus = connectBus(near, far)
    await far.powerOn()
    await far.waitForLine(/HOV start .*online=false/, 10_000)
    await near.powerOn()

    await near.waitForLine(/gateway gave 1 code= runs=1\.1\.0/, 60_000)
    await near.waitForLine(/gateway gave 2 code= runs=1\.2\.0/, 60_000)
    await near.waitForLine(/gateway gave 3 code=HOV_TRIAL_FAULT runs=1\.2\.0/, 60_000)
    await near.waitForLine(/gateway ordered back runs=1\.1\.0 next=1/, 30_000)
    await far.waitForLine(/HOV reverted v=1\.1\.0/, 5000)
    await far.waitForLine(/node works/, 5000)
    assert.equal(far.network.bytesUp + far.network.bytesDown, 0)
    assert.ok(near.lines().some(line => line.text.includes("gateway hears 4")), "it hears of each transition")

    await far.powerCycle()
    await far.waitForLine(/HOV boot slot=A v=1\.1\.0/, 10_000)
})

test.run()
