/** Which server a board talks to, after it was sent to another one. */
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { until } from "./support/cloud.ts"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { UpdateServer } from "./support/update-server.ts"

const test = suite("a board's home")
let bench: DeviceBench
benchFor(test, async () => (bench = await DeviceBench.open()))

const polls = (server: UpdateServer, atLeast = 1) => until("a poll", async () => server.actuals.length, count => count >= atLeast, 15_000)

test("is where it had its first good answer, over a restart; when that one is gone, the configured ones are asked in turn", async () => {
    const [second, next] = [await UpdateServer.start(), await UpdateServer.start()]
    try {
        const first = bench.server
        const board = await bench.started({ skipSleeps: true, settings: { hUrl: `${first.url} ${second.url}`, hPoll: 1 } })
        await polls(first)
        // Nobody is there: what is kept stays as it was.
        first.give({ cmd: "check", id: "m1", move: "http://127.0.0.1:9/~ticket" })
        await board.waitForLine(/HOV retry .*failures=3/, 12_000)
        await polls(first, first.actuals.length + 1)
        first.give({ cmd: "check", id: "m2", move: `${next.url}/~ticket` })
        await board.waitForLine(new RegExp(`HOV home url=${next.url} kept=true$`), 8_000)
        assert.equal(board.lines().filter(line => line.text.includes("HOV home")).length, 1)
        const before = first.actuals.length
        await board.powerCycle()
        await polls(next, next.actuals.length + 1)
        assert.is(first.actuals.length, before)
        // One that sends the board on is no home, though it answers.
        first.give({ cmd: "check", id: "m3", move: next.url })
        await next.close()
        await polls(first, before + 2)
        assert.equal(board.lines().filter(line => line.text.includes(`HOV home url=${first.url}`)), [])
        await board.waitForLine(new RegExp(`HOV home url=${first.url} kept=true$`), 8_000)
        await first.close()
        await polls(second)
        await board.waitForLine(new RegExp(`HOV home url=${second.url} kept=true$`), 8_000)
    } finally {
        await second.close()
    }
})

test.run()
