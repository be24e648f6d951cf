import { createBoard, runProgram } from "../../sim/index.ts"
import { settledHeap } from "../../test/support/settled-heap.ts"
import { swappedBySelf } from "../../test/support/swap-program.ts"

const deadlineMs = 300_000

export interface Drift {
    /** swaps from one look at the heap to the next */
    readonly swaps: number
    /** what is alive after each */
    readonly usedBytes: readonly number[]
    readonly driftBytes: number
}

/** What is alive after 1,000, 2,000 and 3,000 swaps back and forth that objects, a new variable and a function take part in. */
export async function heapDrift(): Promise<Drift> {
    const swaps = 1000
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
            await swaps(${swaps})
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
        const usedBytes: number[] = []
        for (const round of [1, 2, 3]) {
            await board.waitForLine(new RegExp(`^> round ${round}`), deadlineMs)
            usedBytes.push((await settledHeap(() => board.heap())).usedBytes)
        }
        await started
        return { swaps, usedBytes, driftBytes: usedBytes[2] - usedBytes[0] }
    } finally {
        await board.close()
    }
}

export interface Counted {
    readonly swaps: number
    readonly ms: number
    readonly ticks: number
    readonly events: number
    readonly rounds: number
}

/** What a timer, a subscription and a loop, each of them replaced at every swap, have done in 1,000 swaps. */
export async function countedOverSwaps(): Promise<Counted> {
    const swaps = 1000
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
        for (let i = 0; i < ${swaps}; ++i) {
            await ds.sleep(1)
            await swap()
        }
        console.log(ticks + " " + events + " " + rounds + " in " + ds.millis())
        console.log("done")`,
        { quiet: true },
    )
    const { lines } = await runProgram(program, { until: /^> done/, clock: "virtual" })
    const m = /^> (\d+) (\d+) (\d+) in (\d+)/.exec(lines[lines.length - 2])
    if (!m) throw new Error(lines.slice(-5).join("\n"))
    const [ticks, events, rounds, ms] = m.slice(1).map(Number)
    return { swaps, ms, ticks, events, rounds }
}

/** Timers, subscriptions or rounds that were lost or doubled; the first and the last may be on either side of the end. */
export function lostOrDoubled({ ms, ticks, events, rounds }: Counted): number {
    const beyond = (n: number, expected: number, slack: number) => Math.max(0, Math.abs(n - expected) - slack)
    return beyond(ticks, ms / 10, 3) + beyond(events, ticks, 1) + beyond(rounds, ms / 10, 3)
}
