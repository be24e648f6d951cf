/**
 * The pause of a swap, with few and with many live objects, measured from outside of the VM in one run.
 *
 *   npm run bench:swap -- [--objects 1500] [--rounds 3] [--json]
 *
 * Exit code 1 when the ratio of the best rounds is above 1.1.
 */
import { parseArgs } from "node:util"
import { createBoard } from "../sim/index.ts"
import { swappedBySelf } from "../test/support/swap-program.ts"

const { values } = parseArgs({
    options: { objects: { type: "string", default: "1500" }, rounds: { type: "string", default: "3" }, json: { type: "boolean", default: false } },
})
const few = 10
const many = Number(values.objects)
const deadlineMs = 20_000
const ratioMax = 1.1

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

/** Median, in microseconds: of some of the swaps, a collection is part. */
async function pauseUs(objects: number, objectsMax: number): Promise<number> {
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
    return (1000 * pauses.sort((x, y) => x - y)[pauses.length >> 1]) / 2
}

const rounds: { fewUs: number; manyUs: number; ratio: number }[] = []
for (let round = 0; round < Number(values.rounds); round++) {
    const fewUs = await pauseUs(few, many)
    const manyUs = await pauseUs(many, many)
    rounds.push({ fewUs, manyUs, ratio: manyUs / fewUs })
    if (!values.json) console.log(`pause of a swap with ${few} live objects ${fewUs.toFixed(1)} us, with ${many} ${manyUs.toFixed(1)} us, ratio ${(manyUs / fewUs).toFixed(2)}`)
}
// the least disturbed round of each: what else the machine does only ever adds
const fewUs = Math.min(...rounds.map(r => r.fewUs))
const manyUs = Math.min(...rounds.map(r => r.manyUs))
const ratio = manyUs / fewUs
const ok = ratio <= ratioMax
console.log(values.json ? JSON.stringify({ ok, objects: [few, many], fewUs, manyUs, ratio, rounds }) : `ratio of the least disturbed rounds: ${ratio.toFixed(2)}`)
process.exitCode = ok ? 0 : 1
