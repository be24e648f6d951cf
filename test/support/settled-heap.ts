import { createBoard, type HeapStats } from "../../sim/index.ts"

const deadlineMs = 60_000

/** The heap when two looks at it, some time apart, see the same. */
export async function settledHeap(look: () => Promise<HeapStats | undefined>): Promise<HeapStats> {
    let before = await look()
    for (let i = 0; i < 20; i++) {
        await new Promise(resolve => setTimeout(resolve, 50))
        const now = await look()
        if (before && now && now.usedBytes === before.usedBytes) return now
        before = now
    }
    throw new Error("the heap does not come to rest")
}

/** Bytes alive on a board when a program has printed `done`: with a collection at every allocation, what is in use is alive. */
export async function heapAtEnd(program: Uint8Array): Promise<number> {
    const board = await createBoard({ deviceId: "12abdd2289421234", program, gcStress: true })
    try {
        const started = board.powerOn()
        await board.waitForLine(/^> done/, deadlineMs)
        const { usedBytes } = await settledHeap(() => board.heap())
        await started
        return usedBytes
    } finally {
        await board.close()
    }
}
