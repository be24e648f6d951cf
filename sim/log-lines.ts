import { PATIENCE } from "./patience.ts"

/** A line of the serial log. What a script prints has the prefix `> ` (`console.debug` `? `, `warn` `* `, `error` `! `). */
export interface LogLine {
    text: string
    /** When it was printed, on the clock of `performance.now()` of the thread that made the board. */
    tMs: number
}

const KEPT_LINES = 2000
const SHOWN_LINES = 20
const SHOWN_CRASHES = 3

interface Waiter {
    pattern: RegExp
    resolve(line: LogLine): void
    reject(error: Error): void
    timer: NodeJS.Timeout
}

/** The recent lines of a board, and those who wait for one. */
export class LogLines {
    private readonly kept: LogLine[] = []
    /** Number of lines ever; `kept` ends there. */
    private count = 0
    /** Lines before this one have been answered to a waiter, or belong to a past power-on. */
    private seen = 0
    private readonly listeners = new Set<(line: string, tMs: number) => void>()
    private readonly waiters = new Set<Waiter>()
    /** What ended the VM: who waits in vain for a line is told, though many lines have come since. */
    private readonly crashes: LogLine[] = []

    constructor(private readonly name: string) {}

    add(line: LogLine) {
        this.kept.push(line)
        this.count++
        if (this.kept.length > KEPT_LINES) this.kept.shift()
        for (const listener of this.listeners) listener(line.text, line.tMs)
        for (const waiter of [...this.waiters]) if (waiter.pattern.test(line.text)) this.answer(waiter, line, this.count)
    }

    addCrash(crash: LogLine) {
        this.crashes.push(crash)
        if (this.crashes.length > SHOWN_CRASHES) this.crashes.shift()
    }

    recent(): LogLine[] {
        return [...this.kept]
    }

    onLine(listener: (line: string, tMs: number) => void): () => void {
        this.listeners.add(listener)
        return () => this.listeners.delete(listener)
    }

    /** Forgets what was printed before: the next wait looks at new lines only. */
    mark() {
        this.seen = this.count
    }

    /** The first line after the last one that was waited for, already printed or still to come. */
    wait(pattern: RegExp, quietTimeoutMs: number): Promise<LogLine> {
        const timeoutMs = quietTimeoutMs * PATIENCE
        const first = this.count - this.kept.length
        for (let i = Math.max(this.seen, first); i < this.count; i++) {
            const line = this.kept[i - first]
            if (!pattern.test(line.text)) continue
            this.seen = i + 1
            return Promise.resolve(line)
        }
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
                this.waiters.delete(waiter)
                reject(this.error(`no line ${pattern} within ${timeoutMs} ms`))
            }, timeoutMs)
            const waiter: Waiter = { pattern, resolve, reject, timer }
            this.waiters.add(waiter)
        })
    }

    fail(reason: string) {
        for (const waiter of [...this.waiters]) {
            clearTimeout(waiter.timer)
            this.waiters.delete(waiter)
            waiter.reject(this.error(`${reason}, while waiting for ${waiter.pattern}`))
        }
    }

    private answer(waiter: Waiter, line: LogLine, seen: number) {
        clearTimeout(waiter.timer)
        this.waiters.delete(waiter)
        this.seen = Math.max(this.seen, seen)
        waiter.resolve(line)
    }

    private error(what: string): Error {
        const shown = (lines: readonly LogLine[]) => lines.map(line => `    ${line.tMs.toFixed(1)} ${line.text}`).join("\n")
        const crashed = this.crashes.length > 0 ? `; it crashed, at last so:\n${shown(this.crashes)}` : ""
        return new Error(`SIM_WAIT: board ${this.name}: ${what}${crashed}; its last lines:\n${shown(this.kept.slice(-SHOWN_LINES))}`)
    }
}
