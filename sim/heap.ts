import type { Vm } from "./vm-instance.ts"

/** The program's garbage-collected heap, counted by walking it; in bytes of the 32-bit VM, as on the boards. */
export interface HeapStats {
    sizeBytes: number
    /** Garbage that is not yet collected included. */
    usedBytes: number
    freeBytes: number
    largestFreeBytes: number
    blocks: number
}

/*
 * From gc_alloc.c of the VM, on 32 bits:
 *   gc     first_free, first_chunk, num_alloc, gc_threshold, curr_alloc, ctx
 *   chunk  next, end, blocks...
 *   block  header: size in words (bits 0-23), tag (bits 24-27, 1 = free), marks
 */
const WORD = 4
const SIZE_MASK = 0xffffff
const TAG_SHIFT = 24
const TAG_MASK = 0xf
const TAG_FREE = 1
const CONTEXT_SEARCH_BYTES = 512
const GC_CONTEXT_OFFSET = 20

/** undefined when no program runs. */
export function readHeap(vm: Vm): HeapStats | undefined {
    const context = vm.contextAddress()
    if (!context) return undefined
    const { memory } = vm
    const word = (at: number) => (at >= 0 && at + WORD <= memory.byteLength ? memory.getUint32(at, true) : 0)
    // The heap points back to its context, so its place in the context need not be known.
    for (let at = context; at < context + CONTEXT_SEARCH_BYTES; at += WORD) {
        const gc = word(at)
        if (gc > 1024 && gc % WORD === 0 && word(gc + GC_CONTEXT_OFFSET) === context) return walk(word, gc)
    }
    return undefined
}

function walk(word: (at: number) => number, gc: number): HeapStats {
    let free = 0
    const stats: HeapStats = { sizeBytes: 0, usedBytes: 0, freeBytes: 0, largestFreeBytes: 0, blocks: 0 }
    for (let chunk = word(gc + WORD); chunk; chunk = word(chunk)) {
        const end = word(chunk + WORD)
        for (let block = chunk + 2 * WORD; block < end; ) {
            const header = word(block)
            const size = (header & SIZE_MASK) * WORD
            if (size === 0) break
            stats.blocks++
            stats.sizeBytes += size
            if (((header >>> TAG_SHIFT) & TAG_MASK) === TAG_FREE) {
                stats.freeBytes += size
                // Neighbours become one block at the next collection.
                free += size
                stats.largestFreeBytes = Math.max(stats.largestFreeBytes, free)
            } else {
                stats.usedBytes += size
                free = 0
            }
            block += size
        }
    }
    return stats
}
