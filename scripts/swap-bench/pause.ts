import { createBoard } from "../../sim/index.ts"
import { fastestHalf } from "../bench/rounds.ts"
import { swappedBySelf } from "../../test/support/swap-program.ts"

const deadlineMs = 120_000
const bytesPerObject = 24

/** As many bytes are in use whatever the number of objects: how much of the heap is free makes every call dearer. */
const pauseProgram = (objects: number, objectsMax: number) => `
    class Point {
        x = 1
        z = 3 // after
    }
    function look(p: Point): number {
        return p.x // before
        return p.z // after
    }
    const chunks: any[][] = []
    for (let i = 0; i < ${objects}; ++i) {
        if (i % 50 === 0) chunks.push([])
        chunks[chunks.length - 1].push({})
    }
    const ballast = Buffer.alloc(${(objectsMax - objects) * bytesPerObject})
    const point = new Point()
    for (let round = 0; round < 300; ++round) {
        await ds.sleep(1)
        console.log("swap")
        await swap()
        await swap()
        console.log("swapped")
    }
    look(point)
    console.log("done " + ballast.length)`

/**
 * How long a swap keeps a board from everything else, as seen from outside of the VM, with so many live objects. In
 * microseconds, the mean of the faster half: of some of the swaps, a collection is part, and what else the machine does.
 */
export async function pauseUs(objects: number, objectsMax: number): Promise<number> {
    const { program } = swappedBySelf(pauseProgram(objects, objectsMax), { quiet: true })
    const board = await createBoard({ deviceId: "12abdd2289421234", program })
    const times: { text: string; tMs: number }[] = []
    try {
        const stop = board.onLine((text, tMs) => times.push({ text, tMs }))
        const started = board.powerOn()
        await board.waitForLine(/^> done/, deadlineMs)
        await started
        stop()
    } finally {
        await board.close()
    }
    const pauses: number[] = []
    times.forEach((line, i) => {
        if (line.text === "> swap" && times[i + 1]?.text === "> swapped") pauses.push(times[i + 1].tMs - line.tMs)
    })
    if (pauses.length < 300) throw new Error(`only ${pauses.length} swaps were seen`)
    return (1000 * fastestHalf(pauses)) / 2
}

