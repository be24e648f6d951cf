import fc from "fast-check"
import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { parseFilter } from "../cloud/groups/filter.ts"
import type { Action, PhaseFigures, RolloutPlace } from "../cloud/rollouts/engine.ts"
import { step } from "../cloud/rollouts/engine.ts"
import type { Phase, RolloutPlan } from "../cloud/rollouts/plan.ts"
import { isOpen } from "../cloud/rollouts/windows.ts"

const PHASE: Phase = { percent: 10, count: null, successPercent: 90, failurePercent: 10, minFinished: 5, soakS: 0, manual: false }
const PLAN: RolloutPlan = {
    phases: [PHASE, { ...PHASE, percent: 100 }],
    startAtMs: null,
    windows: [],
    ratePerMinute: null,
    onFailure: "pause",
    gate: null,
    controlPercent: 0,
    observeS: 0,
    acceptedBad: 0,
}
const PLACE: RolloutPlace = { state: "running", phase: 0, reachedAtMs: null, released: false }
const GATE = { paired: 0, pairedBad: 0, controlBad: 0, unpaired: 0, unpairedBad: 0 }
const NOON = Date.UTC(2026, 0, 7, 12, 0)

function next(phase: Partial<PhaseFigures>, change: { plan?: Partial<RolloutPlan>; place?: Partial<RolloutPlace>; lastMinute?: number; lastSecond?: number } = {}, nowMs = NOON): Action {
    const figures = { phase: { waiting: 0, granted: 0, succeeded: 0, bad: 0, later: 0, ...phase }, grantedLastMinute: change.lastMinute ?? 0, grantedLastSecond: change.lastSecond ?? 0, gate: GATE }
    return step({ ...PLAN, ...change.plan }, { ...PLACE, ...change.place }, figures, nowMs)
}

test("it grants what waits, then waits for the devices, then goes on, then is complete", () => {
    assert.equal(next({ waiting: 7 }), { kind: "grant", devices: 7 })
    assert.equal(next({ granted: 7 }), { kind: "rest", why: "devices" })
    assert.equal(next({ succeeded: 9, granted: 1 }), { kind: "reached" })
    assert.equal(next({ succeeded: 10 }, { place: { reachedAtMs: NOON } }), { kind: "advance", phase: 1 })
    assert.equal(next({ succeeded: 10 }, { place: { reachedAtMs: NOON, phase: 1 } }), { kind: "complete" })
})

test("a failure share stops it in the way that was ordered", () => {
    for (const [onFailure, state] of [["pause", "paused"], ["abort", "aborted"], ["rollBack", "rollingBack"]] as const) {
        const action = next({ waiting: 90, succeeded: 4, bad: 2 }, { plan: { onFailure } })
        assert.is(action.kind === "stop" && action.state, state)
    }
    assert.is(next({ waiting: 90, succeeded: 2, bad: 2 }).kind, "grant", "too few to tell")
    assert.is(next({ waiting: 90, succeeded: 4, bad: 2 }, { plan: { acceptedBad: 2 } }).kind, "grant", "the operator has accepted them")
})

test("canaries that nobody could serve prove nothing, small phases fail too, and accepted failures keep nobody back", () => {
    assert.equal(next({ later: 3 }), { kind: "rest", why: "devices" }, "never heard of")
    assert.equal(next({}), { kind: "reached" }, "nobody is meant")
    assert.equal(next({ succeeded: 2, later: 3 }), { kind: "reached" }, "some were served")
    assert.is(next({ bad: 3 }).kind, "stop", "three of three, though five were asked for")
    assert.is(next({ granted: 1, bad: 3 }).kind, "rest", "one may still end well")
    assert.equal(next({ succeeded: 16, bad: 4 }, { plan: { acceptedBad: 4 } }), { kind: "reached" })
    assert.is(next({ succeeded: 16, bad: 5 }, { plan: { acceptedBad: 4, phases: [{ ...PHASE, failurePercent: 4 }] } }).kind, "stop", "one more than was accepted")
})

test("it keeps to its start, its hours, its rate, its soak time and its operator", () => {
    const windows = [{ days: [], from: "22:00", to: "06:00" }]
    assert.equal(next({ waiting: 1 }, { plan: { startAtMs: NOON + 1 } }), { kind: "rest", why: "start" })
    assert.equal(next({ waiting: 1 }, { plan: { windows } }), { kind: "rest", why: "window" })
    assert.equal(next({ waiting: 90 }, { plan: { ratePerMinute: 60 } }), { kind: "grant", devices: 1 })
    assert.equal(next({ waiting: 90 }, { plan: { ratePerMinute: 60 }, lastMinute: 60 }), { kind: "rest", why: "rate" })
    assert.equal(next({ waiting: 90 }, { plan: { ratePerMinute: 600 }, lastMinute: 9, lastSecond: 9 }), { kind: "grant", devices: 1 })
    assert.equal(next({ waiting: 90 }, { plan: { ratePerMinute: 600 }, lastMinute: 10, lastSecond: 10 }), { kind: "rest", why: "rate" })
    const soaking = { plan: { phases: [{ ...PHASE, soakS: 60 }, PHASE] }, place: { reachedAtMs: NOON - 59_000 } }
    assert.equal(next({ succeeded: 10 }, soaking), { kind: "rest", why: "soak" })
    const late = next({ succeeded: 8, bad: 2 }, soaking)
    assert.is(late.kind, "stop", "a rollback while it soaks counts")
    const manual = { plan: { phases: [{ ...PHASE, manual: true }, PHASE] }, place: { reachedAtMs: NOON } }
    assert.equal(next({ succeeded: 10 }, manual), { kind: "rest", why: "operator" })
    assert.is(next({ succeeded: 10 }, { ...manual, place: { reachedAtMs: NOON, released: true } }).kind, "advance")
})

test("whatever the figures, nothing is granted out of a state that is not running, or past a failure", () => {
    const count = fc.integer({ min: 0, max: 1000 })
    fc.assert(
        fc.property(count, count, count, count, fc.constantFrom("running", "paused", "aborted", "completed", "rollingBack", "rolledBack"), (waiting, granted, succeeded, bad, state) => {
            const action = next({ waiting, granted, succeeded, bad }, { place: { state: state as RolloutPlace["state"] } })
            if (state !== "running") return action.kind === "rest"
            const finished = succeeded + bad
            if (finished >= 5 && bad > 0.1 * finished) return action.kind === "stop"
            return action.kind !== "grant" || (action.devices > 0 && action.devices <= waiting)
        }),
    )
})

test("hours over midnight belong to the day they begin", () => {
    const night = [{ days: [5], from: "22:00", to: "06:00" }]
    const at = (day: number, hour: number): boolean => isOpen(night, Date.UTC(2026, 0, 4 + day, hour, 30))
    assert.equal([at(5, 21), at(5, 22), at(6, 5), at(6, 6), at(5, 5), at(6, 22)], [false, true, true, false, false, false])
    assert.ok(isOpen([{ days: [], from: "00:00", to: "00:00" }], NOON), "the same time twice is the whole day")
})

test("filters say who is meant", () => {
    const device = { id: "board-7", app: "heater", version: "1.0.3", base: "aa", channel: "beta", state: "idle", attributes: { site: "hall 2", rack: "b" } }
    const cases: [string, boolean][] = [
        ["channel = beta", true],
        ["channel = beta and attr.rack = a", false],
        ["channel=stable or attr.rack=b", true],
        ["not (attr.site in (lab, \"hall 2\"))", false],
        ["version ~ 1.0.* and id ~ board-*7 and id != board-8", true],
        ["attr.nothing = \"\"", true],
        ["attr.constructor = \"\"", true],
        ["id ~ *", true],
        ["id ~ b*d-*-7", false],
        ["not not app = heater or channel = x and channel = y", true],
    ]
    for (const [filter, expected] of cases) assert.is(parseFilter(filter)(device), expected, filter)
    for (const filter of ["", "channel", "channel =", "= beta", "colour = red", "channel = beta)", "(channel = beta", "id in ()", "id ~ a ~ b", "\"", "attr. = x", "(".repeat(500), "x".repeat(2000)])
        assert.throws(() => parseFilter(filter), (error: any) => error.code === "HOV_API_BAD_FILTER", filter)
})

test.run()
