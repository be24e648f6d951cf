import * as ds from "@devicescript/core"

/*
 * When a verified image may begin to run. It waits in RAM, in the state `ready`, where the
 * server and the app can see it and cancel it.
 *
 * | policy        | it begins                                                     |
 * |---------------|---------------------------------------------------------------|
 * | `auto`        | at once, but not while the app is busy                        |
 * | `ask`         | when the app calls `Updater.update()`                         |
 * | `idle`        | while the app has said `Updater.setBusy(false)`               |
 * | `01:00-04:30` | in this part of the day, UTC; the time is the server's `Date` |
 *
 * `Updater.update()` begins under every policy.
 */

const DAY_MIN = 1440

let policy = "auto"
let asked = false
/** Undefined: the app has not said. */
let busy: boolean
/** Minutes of the day at `ds.millis()` 0; below 0 = not known. */
let dayStartMin = -1

export function setPolicy(text: string) {
    policy = text
}

export function setAsked(on: boolean) {
    asked = on
}

export function setBusyFlag(on: boolean) {
    busy = on
}

/** Also holds back writes: an erase stalls the CPU. */
export function isBusy() {
    return busy === true
}

/** ` sat, 21 nov 2026 11:41:02 gmt`, as HTTP has it. A board has no clock of its own. */
export function noteDate(date: string) {
    const colon = date ? date.indexOf(":") : -1
    if (colon < 2) return
    const min = minutesOf(date.slice(colon - 2, colon + 3))
    if (min >= 0) dayStartMin = (min + DAY_MIN - (Math.idiv(ds.millis(), 60000) % DAY_MIN)) % DAY_MIN
}

/** Of `hh:mm`; NaN when it is none. */
function minutesOf(text: string) {
    return +text.slice(0, 2) * 60 + +text.slice(3, 5)
}

export function mayBegin(): boolean {
    if (asked) return true
    if (busy === true || policy === "ask") return false
    if (policy === "idle") return busy === false
    const from = minutesOf(policy)
    const to = minutesOf(policy.slice(6))
    // not a window: automatic
    if (!(from >= 0 && to >= 0)) return true
    if (dayStartMin < 0) return false
    const now = (dayStartMin + Math.idiv(ds.millis(), 60000)) % DAY_MIN
    return from <= to ? now >= from && now < to : now >= from || now < to
}
