import { plainImage } from "../../test/support/plain-image.ts"
import { appGoesOn, type CaseContext } from "./bench.ts"

export interface WireResult {
    imageBytes: number
    interruptions: number
    /** All that came down to the board from the first request for the image to the last, headers included. */
    wireBytes: number
    limitBytes: number
}

const CHUNK_BYTES = 1040

/** A connection that breaks in the middle of every chunk. */
export async function wireBytes({ bench, start }: CaseContext, imageBytes: number): Promise<WireResult> {
    const board = await start()
    const command = bench.update(plainImage({ sequence: 1, sizeBytes: imageBytes }), { sequence: 1 })
    const blob = bench.server.blob(command.img)
    let interruptions = 0
    const broken = new Set<number>()
    bench.server.intercept = (request, response) => {
        if (!request.url?.includes(command.img)) return false
        const query = new URL(request.url, "http://x").searchParams
        const [offset, length] = [Number(query.get("offset")), Number(query.get("length"))]
        const chunk = Math.floor(offset / CHUNK_BYTES)
        if (broken.has(chunk)) return false
        broken.add(chunk)
        interruptions++
        response.writeHead(200, { "Content-Length": length })
        response.write(blob.subarray(offset, offset + (length >> 1)))
        setTimeout(() => response.destroy(), 60)
        return true
    }
    bench.server.give(command)
    await board.waitForLine(/HOV state state=downloading/, 20_000)
    const before = board.network.bytesDown
    await board.waitForLine(/HOV chunk done=(\d+) of=\1/, 60_000)
    const wireBytes = board.network.bytesDown - before
    await board.waitForLine(/HOV persisted/, 20_000)
    await appGoesOn(board)
    return { imageBytes, interruptions, wireBytes, limitBytes: Math.round(imageBytes * 1.05) + 1024 }
}

export interface HeapResult {
    imageBytes: number
    idleBytes: number
    peakBytes: number
    /** What the download adds. */
    addedBytes: number
}

/** Live heap while a slow network brings an update, sampled all the time. */
export async function heapPeak({ bench, start }: CaseContext, imageBytes: number): Promise<HeapResult> {
    const board = await start({ gcStress: true })
    await appGoesOn(board)
    const used = async () => (await board.heap())?.usedBytes ?? 0
    let idleBytes = 0
    for (let i = 0; i < 10; i++) idleBytes = Math.max(idleBytes, await used())
    board.setNetwork({ bytesPerSecond: 4000 })
    bench.server.give(bench.update(plainImage({ sequence: 1, sizeBytes: imageBytes }), { sequence: 1 }))
    await board.waitForLine(/HOV command/, 20_000)
    let peakBytes = 0
    let done = false
    const ready = board.waitForLine(/HOV chunk done=(\d+) of=\1/, 120_000).finally(() => {
        done = true
    })
    while (!done) peakBytes = Math.max(peakBytes, await used())
    await ready
    return { imageBytes, idleBytes, peakBytes, addedBytes: peakBytes - idleBytes }
}
