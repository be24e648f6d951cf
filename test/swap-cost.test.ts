import { suite } from "uvu"
import * as assert from "uvu/assert"
import { createBoard, runProgram } from "../sim/index.ts"
import { settledHeap } from "./support/settled-heap.ts"
import { swappedBySelf } from "./support/swap-program.ts"

const test = suite("what swaps cost")
const deadlineMs = 20_000

test("thousands of swaps back and forth leave the heap as it was", async () => {
    const { program } = swappedBySelf(
        `class Point {
            x = 1
            z = 3 // after
        }
        let extra = 5 // after
        const points = [new Point(), new Point()]
        let ticks = 0
        function tick() {
            ticks++
            for (const p of points) p.x++
            for (const p of points) p.z += extra // after
        }
        function low(): number {
            return 1 // before
            return 2 // after
        }
        async function swaps(count: number) {
            for (let i = 0; i < count; ++i) {
                await swap()
                tick()
                if (low() !== (i & 1 ? 1 : 2)) console.log("wrong version")
                if (i % 20 === 0) await ds.sleep(1)
            }
        }
        for (let round = 1; round <= 3; ++round) {
            await swaps(1000)
            console.log("round " + round)
            await ds.sleep(600)
        }
        console.log(ticks)`,
        { quiet: true },
    )
    // with a collection at every allocation, what is in use is what is alive
    const board = await createBoard({ deviceId: "12abdd2289421234", program, gcStress: true })
    try {
        const started = board.powerOn()
        const used: number[] = []
        for (const round of [1, 2, 3]) {
            await board.waitForLine(new RegExp(`^> round ${round}`), deadlineMs)
            used.push((await settledHeap(() => board.heap())).usedBytes)
        }
        await started
        console.log(`heap in use after 1,000, 2,000 and 3,000 swaps: ${used.join(", ")} bytes`)
        // a block may have a word more than it asked for, when the rest was too small for a block of its own
        for (const bytes of used) assert.ok(Math.abs(bytes - used[0]) <= 4, used.join())
    } finally {
        await board.close()
    }
})

test("1,000 swaps neither lose nor double a timer, a subscription or a round of a loop", async () => {
    const { program } = swappedBySelf(
        `let ticks = 0
        let events = 0
        let rounds = 0
        const emitter = ds.emitter<number>()
        setInterval(() => {
            ticks++
            emitter.emit(ticks)
            if (ticks < 0) console.log("never") // after
        }, 10)
        emitter.subscribe(value => {
            events++
            if (value < 0) console.log("never") // after
        })
        function round() {
            rounds++
            if (rounds < 0) console.log("never") // after
        }
        async function loop() {
            while (true) {
                round()
                await ds.sleep(10)
            }
        }
        loop.start()
        for (let i = 0; i < 1000; ++i) {
            await ds.sleep(1)
            await swap()
        }
        console.log(ticks + " " + events + " " + rounds + " in " + ds.millis())
        console.log("done")`,
        { quiet: true },
    )
    const { lines } = await runProgram(program, { until: /^> done/, clock: "virtual" })
    const m = /^> (\d+) (\d+) (\d+) in (\d+)/.exec(lines[lines.length - 2])
    assert.ok(m, lines.slice(-5).join("\n"))
    const [ticks, events, rounds, ms] = m.slice(1).map(Number)
    assert.ok(Math.abs(ticks - ms / 10) <= 3, `${ticks} ticks in ${ms} ms`)
    assert.ok(Math.abs(events - ticks) <= 1, `${events} events for ${ticks} ticks`)
    assert.ok(Math.abs(rounds - ms / 10) <= 3, `${rounds} rounds in ${ms} ms`)
})

test.run()
