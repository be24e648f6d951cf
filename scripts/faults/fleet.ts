import { createBoard } from "../../sim/index.ts"
import { TOKEN } from "../../test/support/update-server.ts"
import type { CaseContext } from "./bench.ts"

export interface FleetWindow {
    windowS: number
    /** Requests of any kind that reached the server in the busiest window. */
    maxInWindow: number
    /** What they are when every board asks once in its hold time. */
    steadyInWindow: number
}

export interface FleetResult {
    boards: number
    seconds: number
    requests: number
    /** Shorter ones hold too few requests to say anything: their number is chance. */
    windows: FleetWindow[]
}

const POLL_S = 20
const WINDOWS_S = [5, 10, 20]
const WATCH_S = 62
/** A VM takes about a third of a second of this machine to start: a hundred at once would wait for each other. */
const START_EVERY_MS = 400

/**
 * All boards get their power back in the same moment, with the default spread of their first poll. They share one
 * processor here, and real ones do not, so they are switched on one after the other and each has a time of its own,
 * which begins with its power: what reaches the server is laid over each other by that time. The server holds every poll,
 * so no board's requests depend on another's.
 */
export async function fleetRestart({ bench, seed }: CaseContext, count: number): Promise<FleetResult> {
    const poweredMs = new Map<string, number>()
    const at: number[] = []
    bench.server.intercept = request => {
        const id = request.url?.split("/")[3] ?? ""
        const since = performance.now() - (poweredMs.get(id) ?? Number.NaN)
        if (since <= WATCH_S * 1000) at.push(since)
        return false
    }
    for (let i = 0; i < count; i++) {
        const nextMs = performance.now() + START_EVERY_MS
        const deviceId = (0x12abdd2289000000n + BigInt(i)).toString(16)
        const board = await createBoard({
            deviceId,
            program: bench.program,
            seed: seed + i,
            settings: { hUrl: bench.server.url, hToken: TOKEN, hPoll: POLL_S, hLog: 1 },
        })
        bench.boards.push(board)
        poweredMs.set(deviceId, performance.now())
        await board.powerOn()
        await board.waitForLine(/HOV start/, 60_000)
        await new Promise(resolve => setTimeout(resolve, nextMs - performance.now()))
    }
    await new Promise(resolve => setTimeout(resolve, WATCH_S * 1000))
    at.sort((a, b) => a - b)
    const windows = WINDOWS_S.map(windowS => {
        let maxInWindow = 0
        for (let from = 0, to = 0; to < at.length; to++) {
            while (at[to] - at[from] > windowS * 1000) from++
            maxInWindow = Math.max(maxInWindow, to - from + 1)
        }
        return { windowS, maxInWindow, steadyInWindow: (count / POLL_S) * windowS }
    })
    return { boards: count, seconds: WATCH_S, requests: at.length, windows }
}
