import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runCli } from "./support/cli.ts"
import { TestDevice, withClouds } from "./support/cloud.ts"
import { Follower } from "./support/handover.ts"

const test = suite("`handover server handover`")

test("it is started, looked at, made faster, taken back, and done again to its end", () => withClouds(2, async (current, next) => {
    const boards: Follower[] = []
    for (let n = 0; n < 30; n++) {
        const device = await TestDevice.add(current, `board-${n}`)
        await device.poll()
        boards.push(new Follower(device))
    }
    const cli = (...args: string[]) => runCli(["server", "handover", ...args, "--json"], { env: { HANDOVER_URL: current.url, HANDOVER_TOKEN: current.adminToken, HANDOVER_NEXT_TOKEN: next.adminToken } })
    const without = await runCli(["server", "handover", "--to", next.url, "--json"], { env: { HANDOVER_URL: current.url, HANDOVER_TOKEN: current.adminToken } })
    assert.is(without.json.code, "HOV_CLI_NO_TOKEN")
    assert.equal([(await cli()).json.phase, (await cli()).code], [null, 0])

    const slow = cli("--to", `${next.url}/`, "--pace", "1")
    let seen = (await cli()).json
    while (seen.phase !== "moving") seen = (await cli()).json
    assert.equal([seen.to, seen.devices, seen.pacePerS], [next.url, 30, 1])
    const back = await cli("--abort")
    assert.equal([back.code, back.json.phase, back.json.moved], [0, "aborted", 0], back.stdout)
    assert.is((await slow).code === 0, false, "the one that was waiting for its end says that it was taken back")

    const again = cli("--to", next.url, "--pace", "1")
    while ((await cli()).json.phase !== "moving");
    assert.is((await cli("--pace", "1000")).json.pacePerS, 1000)
    const done = await again
    assert.equal([done.code, done.json.phase, done.json.moved], [0, "done", 30], done.stdout)
    assert.is((await next.must(200, "GET", "/devices?limit=100")).items.length, 30)
    await Promise.all(boards.map(board => board.stop()))
}))

test.run()
