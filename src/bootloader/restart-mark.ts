import * as ds from "@devicescript/core"
import { readValue, writeValue } from "./store"

/*
 * Tells a `ds.restart()` of the app from a panic: after both the VM starts again and its
 * clock goes on. A restart leaves the uptime in the store, the next start finds itself 1 s
 * later; a panic waits 5 s. No write at any other time, and nothing has to be cleared.
 */

const KEY = "hRestart"
const WRITE_MS = 500
/** The VM starts 1 s after `ds.restart()`; its manager looks again within as much. */
const AFTER_RESTART_MS = 3000

const nativeRestart: any = ds.restart
let isWorthAWrite: () => boolean

async function restart() {
    if (isWorthAWrite()) {
        const mark = Buffer.alloc(4)
        const endMs = ds.millis() + WRITE_MS
        mark.setAt(0, "u32", ds.millis())
        await writeValue(KEY, mark, endMs)
    }
    nativeRestart()
}

/** From now on `ds.restart()` leaves its mark while `isWorth` says so. */
export function markRestarts(isWorth: () => boolean) {
    isWorthAWrite = isWorth
    // the one place that changes the language's own object
    const core: any = ds
    core.restart = restart
}

/** Whether the VM was started at `startMs` by `ds.restart()`. */
export async function wasRestarted(startMs: number, deadlineMs: number) {
    const mark = await readValue(KEY, deadlineMs)
    if (!mark || mark.length !== 4) return false
    const sinceMs = startMs - mark.getAt(0, "u32")
    return sinceMs >= 0 && sinceMs < AFTER_RESTART_MS
}
