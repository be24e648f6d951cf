import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"

const test = suite("boards that start together")
let bench: DeviceBench

const APP = `
import { startResident } from "./resident"
import { chance } from "./dfu/chance"

console.log(\`chances \${chance()} \${chance()}\`)
await startResident()
`

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
})
test.after(() => bench?.close())

test("do not wait the same time before they ask, nor has a board the same numbers after each start", async () => {
    const board = await bench.board()
    const chances = new Set<string>()
    const nonces = new Set<unknown>()
    for (let start = 1; start <= 3; start++) {
        const before = bench.server.actuals.length
        await board.powerOn()
        const line = await board.waitForLine(/^> chances /, 8000)
        for (const chance of line.split(" ").slice(2)) {
            assert.ok(Number(chance) >= 0 && Number(chance) < 1, line)
            chances.add(chance)
        }
        const endMs = performance.now() + 30_000
        while (bench.server.actuals.length === before && performance.now() < endMs) await new Promise(resolve => setTimeout(resolve, 20))
        nonces.add(bench.server.actuals.at(-1)?.boot)
        await board.powerOff()
    }
    // six numbers of 65,536: two of them may be the same once in 4,000 runs
    assert.ok(chances.size >= 5, [...chances].join(" "))
    assert.is(nonces.size, 3, [...nonces].join(" "))
})

test.run()
