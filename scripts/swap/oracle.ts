import type { RunResult } from "../../sim/index.ts"
import { refusedSwap, toNew, toOld } from "../../test/support/swap-program.ts"

/** A line of a swap program; `say` of test/programs/swap-harness.ts writes them. */
interface TraceLine {
    readonly stream: string
    readonly run: number
    readonly part: string
    readonly version: number
    readonly timeMs: number
    readonly state: string
    /** version that was current when the line was printed */
    readonly current: number
    /** swaps before the line */
    readonly swaps: number
    readonly text: string
}

export interface Trace {
    readonly lines: readonly TraceLine[]
    readonly swaps: number
    /** whatever else was logged */
    readonly others: readonly string[]
    readonly isDone: boolean
    readonly panicCode: number | undefined
    /** last line before `done` */
    readonly endMs: number
}

/** How far a line may be from its time in the undisturbed run. The clock counts looks at it, and swaps look too. */
const toleranceMs = 3

export function parseTrace(result: RunResult): Trace {
    const lines: TraceLine[] = []
    const others: string[] = []
    let swaps = 0
    let current = 1
    let isDone = false
    for (const text of result.lines) {
        if (text === toNew || text === toOld) {
            swaps++
            current = text === toNew ? 2 : 1
            continue
        }
        const m = /^> (\S+) (\S+) ([bmi]) v(\d) @(\d+) ?(.*)$/.exec(text)
        if (m)
            lines.push({ stream: m[1], run: Number(m[2]), part: m[3], version: Number(m[4]), timeMs: Number(m[5]), state: m[6], current, swaps, text })
        else if (text === "> done") isDone = true
        else if (!isKnown(text) && /^> |xception|panic|HOV|Throw/i.test(text)) others.push(text)
    }
    return { lines, swaps, others, isDone, panicCode: result.panicCode, endMs: lines[lines.length - 1]?.timeMs ?? 0 }
}

/** The loader is ready, or an image may not go live now; code that stays as it is may catch what replaced code throws. */
function isKnown(text: string): boolean {
    return text === "> # loaded" || text === refusedSwap || text.startsWith("? HOV thrown ")
}

/**
 * Compares a run with swaps to the undisturbed one and returns what is wrong first.
 *
 * - Whatever the versions, the states are the same, in the same order within each group of streams (a group is what
 *   runs in one fiber), at the same times: nothing is lost, doubled or late.
 * - What begins does so in the version that is current; what has begun goes on in the same version. A loop's rounds go
 *   over to the new version, and stay with it.
 */
export function judge(trace: Trace, reference: Trace): string | undefined {
    if (trace.panicCode !== undefined) return `panic ${trace.panicCode} ${trace.others.slice(-3).join(" | ")}`
    if (trace.others.length > reference.others.length) return `logged: ${trace.others.find(o => !reference.others.includes(o))}`
    if (!trace.isDone) return "it did not come to its end"
    return compareStates(trace, reference) ?? checkVersions(trace)
}

function compareStates(trace: Trace, reference: Trace): string | undefined {
    const expected = byGroup(reference)
    const actual = byGroup(trace)
    for (const [group, lines] of expected) {
        const other = actual.get(group) ?? []
        for (let i = 0; i < Math.max(lines.length, other.length); i++) {
            const [x, y] = [lines[i], other[i]]
            if (!x || !y) return `${x ? "lost" : "too much"}: ${(x ?? y).text}`
            if (x.stream !== y.stream || x.run !== y.run || x.part !== y.part || x.state !== y.state) return `expected ${x.text}, got ${y.text}`
            if (Math.abs(x.timeMs - y.timeMs) > toleranceMs) return `at @${x.timeMs} expected: ${y.text}`
        }
    }
    for (const group of actual.keys()) if (!expected.has(group)) return `unexpected: ${actual.get(group)![0].text}`
    return undefined
}

function byGroup(trace: Trace): Map<string, TraceLine[]> {
    const groups = new Map<string, TraceLine[]>()
    for (const line of trace.lines) {
        const group = line.stream.split(".")[0]
        const lines = groups.get(group)
        if (lines) lines.push(line)
        else groups.set(group, [line])
    }
    return groups
}

function checkVersions(trace: Trace): string | undefined {
    const begun = new Map<string, number>()
    /** by group, the number of swaps before its latest line */
    const latest = new Map<string, number>()
    for (const line of trace.lines) {
        const group = line.stream.split(".")[0]
        const isFirst = latest.get(group) !== line.swaps
        latest.set(group, line.swaps)
        if (line.version === 0) continue
        const key = line.part === "i" ? line.stream : `${line.stream} ${line.run}`
        if (line.part === "b" || line.part === "i") {
            // replaced code may have to yield between its entry and its first line; native code never does
            const wasUnderWay = line.version === 2 && (isFirst || (line.part === "i" && begun.get(key) === 2))
            if (line.version !== line.current && !wasUnderWay) return `begun while v${line.current} was current: ${line.text}`
            begun.set(key, line.version)
            continue
        }
        const version = begun.get(key)
        if (version !== undefined && version !== line.version) return `begun in v${version}: ${line.text}`
    }
    return undefined
}
