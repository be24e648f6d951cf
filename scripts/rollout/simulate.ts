/**
 * Whole rollouts through the real engine and gate, without a server: devices are granted in
 * steps, report after a while (failures sooner than successes), and the engine looks after
 * every report.
 */
import { step } from "../../cloud/rollouts/engine.ts"
import type { RolloutPlan } from "../../cloud/rollouts/plan.ts"

export interface Release {
    readonly devices: number
    /** Chance of a device to fail with the release, and without it. */
    readonly badRate: number
    readonly controlRate: number
    readonly controlPercent: number
    /** Devices granted between two looks of the engine. */
    readonly grantsPerLook: number
}

export interface Outcome {
    readonly stopped: boolean
    /** Devices that had been granted the release when it was stopped, or at the end. */
    readonly exposed: number
    readonly bad: number
}

const BASELINE = 0.01
const ALPHA = 0.01

export function planOf(release: Release): RolloutPlan {
    const phase = (percent: number) => ({ percent, count: null, successPercent: 0, failurePercent: 100, minFinished: 1, soakS: 0, manual: false })
    return {
        phases: [phase(5), phase(25), phase(100)],
        startAtMs: null,
        windows: [],
        ratePerMinute: null,
        onFailure: "pause",
        gate: { alpha: release.controlPercent > 0 ? ALPHA / 2 : ALPHA, baseline: BASELINE },
        controlPercent: release.controlPercent,
        observeS: 0,
        acceptedBad: 0,
    }
}

/** One rollout; the same draws give the same outcome. */
export function runRollout(release: Release, draw: () => number): Outcome {
    const plan = planOf(release)
    const { devices, grantsPerLook } = release
    const controls = Math.floor((devices * release.controlPercent) / 100)
    const treated = devices - controls
    let controlBad = 0
    for (let n = 0; n < controls; n++) if (draw() < release.controlRate) controlBad++
    // The outcome of each device is drawn when it is granted; a failure is heard at once, a success later.
    const pairedLimit = Math.min(treated, controls)
    let granted = 0
    let bad = 0
    let pairedBad = 0
    const place = { state: "running" as const, phase: plan.phases.length - 1, reachedAtMs: null, released: false }
    while (granted < treated) {
        const until = Math.min(treated, granted + grantsPerLook)
        const batch: boolean[] = []
        for (; granted < until; granted++) batch.push(draw() < release.badRate)
        for (const [n, fails] of batch.entries()) {
            if (!fails) continue
            bad++
            if (granted - batch.length + n < pairedLimit) pairedBad++
            const paired = Math.min(granted, controls)
            const action = step(
                plan,
                place,
                {
                    phase: { waiting: treated - granted, granted: granted - bad, succeeded: 0, bad, later: 0 },
                    grantedLastMinute: 0,
                    grantedLastSecond: 0,
                    gate: {
                        paired,
                        pairedBad,
                        controlBad: controls === 0 ? 0 : Math.round((controlBad * paired) / controls),
                        unpaired: granted - paired,
                        unpairedBad: bad - pairedBad,
                    },
                },
                0,
            )
            if (action.kind === "stop") return { stopped: true, exposed: granted, bad }
        }
    }
    return { stopped: false, exposed: granted, bad }
}
