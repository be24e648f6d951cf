import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"
import { UpdateServer } from "./support/update-server.ts"

const test = suite("an app that says when")
let bench: DeviceBench

/** Does what settings tell it: `do` is a list of what to do when the updater comes to a state. */
const APP = `
import * as ds from "@devicescript/core"
import { startResident } from "./resident"
import { Updater } from "./updater"
import { onMetric } from "./metrics"
import { readSetting, writeSetting } from "@devicescript/settings"

await startResident()
onMetric(m => console.log("metric " + JSON.stringify(m)))
let ticks = 0
setInterval(() => { ticks++ }, 100)
const to = await readSetting("to", "")
setInterval(async () => {
    const what = await readSetting("do", "")
    if (what === "update" && Updater.status().state === "ready") {
        console.log("app update " + (await Updater.update()) + " " + Updater.current().version)
        await writeSetting("do", "")
    } else if (what === "idle" && Updater.status().state === "ready" && ticks > 25) {
        Updater.setBusy(false)
        console.log("app idle")
        await writeSetting("do", "")
    } else if (what === "move") {
        await writeSetting("do", "")
        console.log("app configure " + (await Updater.configure({ url: to, channel: "beta" })))
    }
}, 200)
`

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
})
test.after.each(async () => {
    await Promise.all(bench.boards.splice(0).map(board => board.close()))
    bench.server.reset()
})
test.after(() => bench?.close())

const update = (sequence: number) => bench.update(plainImage({ sequence }), { sequence })

test("is asked, and nothing runs before it agrees; a newer release takes the waiting one's place", async () => {
    const board = await bench.started({ settings: { hPolicy: "ask", do: "" } })
    const first = update(1)
    bench.server.give(first)
    await bench.server.waitForStatus(s => s.state === "ready", 5000)
    const second = update(2)
    bench.server.give(second)
    await bench.server.waitForStatus(s => s.state === "ready" && s.id === second.id, 5000)
    assert.not(board.lines().some(line => line.text.includes("HOV swap")))
    bench.server.give({ cmd: "cancel", id: "stop" })
    assert.is((await bench.server.waitForStatus(s => s.state === "idle", 5000)).code, "HOV_CANCELLED")
})

test("takes an update when it likes, and knows when it is kept", async () => {
    const board = await bench.started({ settings: { hPolicy: "ask", do: "update" } })
    bench.server.give(update(3))
    await board.waitForLine(/HOV swap v=1\.3\.0/, 6000)
    await board.waitForLine(/app update true 1\.3\.0/, 6000)
    const metrics = board
        .lines()
        .filter(line => line.text.startsWith("> metric "))
        .map(line => JSON.parse(line.text.slice(9)))
    assert.equal(metrics.map(m => m.event), ["checking", "downloading", "ready", "trial", "confirmed"])
    assert.is(metrics[4].bytes, 400)
    assert.ok(metrics[4].ms >= 1000, "the trial took its time")
})

test("gets updates only while it says that it is idle", async () => {
    const board = await bench.started({ settings: { hPolicy: "idle", do: "idle" } })
    bench.server.give(update(4))
    await bench.server.waitForStatus(s => s.state === "ready", 5000)
    await board.waitForLine(/app idle/, 5000)
    await board.waitForLine(/HOV swap v=1\.4\.0/, 3000)
})

test("has a window by the server's clock: closed now, open now", async () => {
    const hour = new Date().getUTCHours()
    const clock = (h: number) => `${String((h + 24) % 24).padStart(2, "0")}:00`
    const closed = await bench.started({ settings: { hPolicy: `${clock(hour + 2)}-${clock(hour + 4)}` } })
    bench.server.give(update(5))
    await bench.server.waitForStatus(s => s.state === "ready", 5000)
    await closed.powerOff()
    assert.not(closed.lines().some(line => line.text.includes("HOV swap")))
    bench.server.reset()
    const open = await bench.started({ settings: { hPolicy: `${clock(hour - 1)}-${clock(hour + 2)}` } })
    bench.server.give(update(6))
    await open.waitForLine(/HOV swap v=1\.6\.0/, 6000)
})

test("goes to another server and channel while it runs, and is there after a power cycle", async () => {
    const other = await UpdateServer.start()
    try {
        const board = await bench.started({ settings: { to: other.url, do: "move" } })
        await board.waitForLine(/app configure true/, 5000)
        await board.waitForLine(/HOV start .*online=true ch=beta/, 8000)
        await board.powerCycle()
        await board.waitForLine(/HOV start .*ch=beta/, 8000)
        const until = performance.now() + 5000
        while (other.actuals.length < 2 && performance.now() < until) await new Promise(resolve => setTimeout(resolve, 50))
        assert.is(other.actuals.at(-1)?.ch, "beta")
    } finally {
        await other.close()
    }
})

test("follows a server that sends it elsewhere, and comes back when nobody is there", async () => {
    const board = await bench.started()
    bench.server.give({ cmd: "check", id: "m", move: "http://127.0.0.1:9" })
    await board.waitForLine(/HOV retry .*failures=3/, 12_000)
    const polls = bench.server.actuals.length
    bench.server.give(update(7))
    await board.waitForLine(/HOV swap v=1\.7\.0/, 12_000)
    assert.ok(bench.server.actuals.length > polls)
})

test.run()
