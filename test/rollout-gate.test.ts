import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { GateCounts } from "../cloud/rollouts/gate.ts"
import { judge } from "../cloud/rollouts/gate.ts"

const PLAN = { alpha: 0.01, baseline: 0.02 }

/** mulberry32: the same run every time. */
function random(seed: number): () => number {
    let state = seed
    return () => {
        state = (state + 0x6d2b79f5) | 0
        let t = Math.imul(state ^ (state >>> 15), 1 | state)
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    }
}

interface Run {
    readonly devices: number
    readonly rate: number
    readonly controlRate: number
    readonly control: boolean
}

/** Looks after every device; returns how many had the release when the gate stopped, or null. */
function exposure({ devices, rate, controlRate, control }: Run, draw: () => number): number | null {
    let bad = 0
    let controlBad = 0
    for (let n = 1; n <= devices; n++) {
        if (draw() < rate) bad++
        if (control && draw() < controlRate) controlBad++
        const counts: GateCounts = control
            ? { paired: n, pairedBad: bad, controlBad, unpaired: 0, unpairedBad: 0 }
            : { paired: 0, pairedBad: 0, controlBad: 0, unpaired: n, unpairedBad: bad }
        if (judge(PLAN, counts).stop) return n
    }
    return null
}

const stops = (run: Run, runs: number, seed: number): number[] => {
    const draw = random(seed)
    return Array.from({ length: runs }, () => exposure(run, draw)).filter(devices => devices !== null)
}

test("of 10,000 healthy rollouts at most one in a hundred is stopped, though it is looked at after every device", () => {
    const share = stops({ devices: 200, rate: PLAN.baseline, controlRate: 0, control: false }, 10_000, 1).length / 10_000
    assert.ok(share <= 0.01, `${share * 100} %`)
})

test("the same against a control group, also where everything fails now and then", () => {
    for (const rate of [0.01, 0.1, 0.3]) {
        const share = stops({ devices: 100, rate, controlRate: rate, control: true }, 4_000, 2).length / 4_000
        assert.ok(share <= 0.01, `${rate}: ${share * 100} %`)
    }
})

test("a release that fails on a fifth of the devices is stopped early", () => {
    const alone = stops({ devices: 1_000, rate: 0.2, controlRate: 0, control: false }, 1_000, 3).sort((a, b) => a - b)
    assert.is(alone.length, 1_000)
    assert.ok(alone[500] <= 40, `median ${alone[500]}`)
    assert.ok(alone[950] <= 90, `95 of 100: ${alone[950]}`)
    const compared = stops({ devices: 1_000, rate: 0.2, controlRate: 0.01, control: true }, 1_000, 4).sort((a, b) => a - b)
    assert.is(compared.length, 1_000)
    assert.ok(compared[500] <= 80, `median ${compared[500]}`)
})

test("a failure raises the evidence, and a device that has not reported yet never does", () => {
    for (let n = 1; n < 60; n++)
        for (let bad = 0; bad < n; bad++) {
            const counts = { paired: 0, pairedBad: 0, controlBad: 0, unpaired: n, unpairedBad: bad }
            const now = judge(PLAN, counts).logEvidence
            assert.ok(judge(PLAN, { ...counts, unpairedBad: bad + 1 }).logEvidence > now)
            assert.ok(judge(PLAN, { ...counts, unpaired: n + 1 }).logEvidence < now)
        }
})

test("without devices there is no evidence", () => {
    const result = judge(PLAN, { paired: 0, pairedBad: 0, controlBad: 0, unpaired: 0, unpairedBad: 0 })
    assert.is(result.logEvidence, 0)
    assert.not.ok(result.stop)
})

test.run()
