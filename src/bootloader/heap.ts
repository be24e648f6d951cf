/*
 * How full the heap is. The VM has no such figure for a script, but the message of a TypeError names the address of what
 * was called, and the heap fills from below. In bytes between the first object of the program and the first free
 * kilobyte; the boards' heaps have 64 KB (ESP32-S2: 40 KB).
 */
const GAP_BYTES = 1024
const NAME = "buffer:"

function firstGap() {
    const gap: any = Buffer.alloc(GAP_BYTES)
    try {
        gap()
    } catch (e) {
        return +(e as Error).message.slice(NAME.length) || 0
    }
    return 0
}

const bottom = firstGap()

export function heapUsed() {
    return firstGap() - bottom
}
