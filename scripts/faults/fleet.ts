import { createBoard } from "../../sim/index.ts"
import { TOKEN } from "../../test/support/update-server.ts"
import type { CaseContext } from "./bench.ts"

export interface FleetResult {
    boards: number
    windowS: number
    /** Polls that reached the server in the busiest window. */
    maxInWindow: number
    /** What they are when every board asks once in its hold time. */
    steadyInWindow: number
}

const POLL_S = 20
const WINDOW_S = 5
const WATCH_S = 45

/** All boards get their power back in the same moment, with the default spread of their first poll. */
export async function fleetRestart({ bench, seed }: CaseContext, count: number): Promise<FleetResult> {
    const at: number[] = []
    bench.server.intercept = request => {
        if (request.url?.includes("/poll")) at.push(performance.now())
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
    let maxInWindow = 0
    for (let from = 0, to = 0; to < since.length; to++) {
        while (since[to] - since[from] > WINDOW_S * 1000) from++
        maxInWindow = Math.max(maxInWindow, to - from + 1)
    }
    return { boards: count, windowS: WINDOW_S, maxInWindow, steadyInWindow: (count / POLL_S) * WINDOW_S }
}
