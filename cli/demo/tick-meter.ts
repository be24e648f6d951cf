import type { Board } from "../../sim/index.ts"

/** One mark of the sample app's control loop, as the serial line showed it. */
export interface Tick {
    readonly number: number
    readonly version: string
    /** time on the host's clock at which the board printed it */
    readonly tMs: number
}

export interface TickFigures {
    readonly count: number
    readonly maxGapMs: number
    /** turns that a loop of `periodMs` would have had in the time, but for which no mark came */
    readonly missed: number
}

const mark = /^> t (\d+) (\S+)$/

/** Reads the marks of the control loop off the serial line and times them. Knows nothing of what the firmware says of itself. */
export class TickMeter {
    readonly ticks: Tick[] = []
    private readonly waiting = new Set<() => void>()
    private readonly unsubscribe: () => void

    constructor(board: Board) {
        this.unsubscribe = board.onLine((line, tMs) => {
            const found = mark.exec(line)
            if (!found) return
            this.ticks.push({ number: Number(found[1]), version: found[2], tMs })
            for (const check of [...this.waiting]) check()
        })
    }

    close(): void {
        this.unsubscribe()
    }

    last(): Tick | undefined {
        return this.ticks[this.ticks.length - 1]
    }

    /** The first tick after `sinceMs` that `accept` takes. */
    wait(what: string, sinceMs: number, timeoutMs: number, accept: (t: Tick) => boolean): Promise<Tick> {
        return new Promise((resolve, reject) => {
            const find = () => this.ticks.find(t => t.tMs > sinceMs && accept(t))
            const check = () => {
                const found = find()
                if (!found) return
                clearTimeout(timer)
                this.waiting.delete(check)
                resolve(found)
            }
            const timer = setTimeout(() => {
                this.waiting.delete(check)
                reject(new Error(`no ${what} within ${timeoutMs} ms; last mark: ${JSON.stringify(this.last())}`))
            }, timeoutMs)
            this.waiting.add(check)
            check()
        })
    }

    /** Figures of all ticks from the last before `fromMs` to the first behind `toMs`. */
    figures(fromMs: number, toMs: number, periodMs: number): TickFigures {
        let first = this.ticks.findLastIndex(t => t.tMs <= fromMs)
        if (first < 0) first = 0
        const end = this.ticks.findIndex(t => t.tMs >= toMs)
        const window = this.ticks.slice(first, end < 0 ? undefined : end + 1)
        let maxGapMs = 0
        for (let i = 1; i < window.length; i++) maxGapMs = Math.max(maxGapMs, window[i].tMs - window[i - 1].tMs)
        const spanMs = window.length > 1 ? window[window.length - 1].tMs - window[0].tMs : 0
        // a late turn that is made up for is not a missed one; one that never comes is
        const missed = Math.max(0, Math.round(spanMs / periodMs) - (window.length - 1))
        return { count: window.length, maxGapMs: Math.round(maxGapMs * 10) / 10, missed }
    }
}
