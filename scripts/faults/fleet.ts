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

/** All boards get their power back in the same moment, with the default spread of their first poll. */
export async function fleetRestart({ bench, seed }: CaseContext, count: number): Promise<FleetResult> {
    const at: number[] = []
    bench.server.intercept = request => {
        if (request.url) at.push(performance.now())
        return false
    }
    const boards = await Promise.all(
        Array.from({ length: count }, (_, i) =>
            createBoard({
                deviceId: (0x12abdd2289000000n + BigInt(i)).toString(16),
                program: bench.program,
                seed: seed + i,
                settings: { hUrl: bench.server.url, hToken: TOKEN, hPoll: POLL_S, hLog: 1 },
            }),
        ),
    )
    bench.boards.push(...boards)
    await Promise.all(boards.map(board => board.powerOn()))
    await Promise.all(boards.map(board => board.waitForLine(/HOV start/, 60_000)))
    const startMs = performance.now()
    await new Promise(resolve => setTimeout(resolve, WATCH_S * 1000))
    const since = at.filter(ms => ms >= startMs).sort((a, b) => a - b)
    const windows = WINDOWS_S.map(windowS => {
        let maxInWindow = 0
        for (let from = 0, to = 0; to < since.length; to++) {
            while (since[to] - since[from] > windowS * 1000) from++
            maxInWindow = Math.max(maxInWindow, to - from + 1)
        }
        return { windowS, maxInWindow, steadyInWindow: (count / POLL_S) * windowS }
    })
    return { boards: count, seconds: WATCH_S, requests: since.length, windows }
}
