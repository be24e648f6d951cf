import * as ds from "@devicescript/core"
import { changes } from "./dfu/actor"
import { Phase, phaseNames, UpdaterState } from "./dfu/updater-state"

/**
 * What an update cost, for the app's own analytics:
 *
 *     onMetric(m => console.log(JSON.stringify(m)))
 *
 * What a program does not call is not in its image.
 */
export interface Metric {
    /** The phase that was reached: `checking`, `downloading`, `ready`, `trial`, `confirmed`, `rolledBack`, `failed`, `idle`. */
    event: string
    /** How long the phase before took. */
    ms: number
    /** Of the image, so far. */
    bytes: number
    version: string
    /** Why it failed or went back; "" = well. */
    code: string
}

let lastMs = 0

export function onMetric(handler: (metric: Metric) => Promise<void> | void) {
    return changes.subscribe(async (s: UpdaterState) => {
        const nowMs = ds.millis()
        const ms = s.phase === Phase.Checking ? 0 : nowMs - lastMs
        lastMs = nowMs
        await handler({
            event: phaseNames[s.phase],
            ms,
            bytes: s.doneBytes,
            version: s.job ? s.job.version : "",
            code: s.code,
        })
    })
}
