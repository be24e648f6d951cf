// What top-level code leaves behind that goes on by itself: timers, subscriptions, fibers. The linker makes the base put
// each one's handle in `records`, so that an image can take it back.

const keptAt = 2
const startedAt = 3

/**
 * Two functions for images to call, handles that functions of an image have kept, whether top-level code has come past its
 * last timer and variable, and from place 4 on the handles of top-level statements: the base's, then the image's own.
 * See toolchain/link/registrations.ts.
 */
const records: any[] = [release, keep, [], false]

/** Whether all is there that an image going live could have to change: top-level code may wait in its middle. */
export function hasStarted(): boolean {
    return !!records[startedAt]
}

/** Ends registration `n`. Returns whether it was still going on; one that was not is not brought back later. */
function release(n: number): boolean {
    const live = end(records[n])
    records[n] = live ? undefined : false
    return live
}

function keep(handle: any): void {
    records[keptAt].push(handle)
}

/** Ends what `keep` has got. */
export function releaseKept(): void {
    const handles = records[keptAt]
    records[keptAt] = []
    for (const handle of handles) end(handle)
}

function end(handle: any): boolean {
    if (!handle) return false
    if (typeof handle === "number") return clearInterval(handle) as any
    if (typeof handle === "function") {
        handle()
        return true
    }
    try {
        handle.terminate()
        return true
    } catch (e) {
        // it has ended by itself
        return false
    }
}
