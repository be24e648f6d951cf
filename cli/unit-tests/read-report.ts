import { MARK } from "./harness.ts"

/** States of `TestState` in @devicescript/test. */
const STATES = ["notRun", "notRun", "passed", "failed", "skipped"] as const

export interface TestReport {
    readonly name: string
    readonly state: (typeof STATES)[number]
    /** on the board's clock */
    readonly ms: number
    /** what the board printed meanwhile */
    readonly output: readonly string[]
}

export interface FileReport {
    readonly tests: readonly TestReport[]
    /** all tests have had their turn */
    readonly complete: boolean
    /** what was printed outside of tests */
    readonly output: readonly string[]
}

const markLine = new RegExp(`^> ${MARK} (\\w+) (\\d+) (.*)$`)

interface Found {
    name: string
    state: TestReport["state"]
    ms: number
    output: string[]
}

/** Reads what the harness said out of a run's serial log. A test that a panic ended counts as failed. */
export function readReport(lines: readonly string[]): FileReport {
    const tests: Found[] = []
    const output: string[] = []
    let current: Found | undefined
    let complete = false
    for (const line of lines) {
        const [, kind, id, json] = markLine.exec(line) ?? []
        const test = kind === undefined ? undefined : tests[Number(id)]
        if (kind === undefined) (current?.output ?? output).push(line)
        else if (kind === "found") tests.push({ name: JSON.parse(json) as string, state: "notRun", ms: 0, output: [] })
        else if (kind === "begin") {
            current = test
            if (test) test.state = "failed"
        }
        // what follows the end is the error's trace, which the library prints
        else if (kind === "end" && test) test.ms = JSON.parse(json) as number
        else if (kind === "state" && test) test.state = STATES[JSON.parse(json) as number] ?? "notRun"
        else if (kind === "done") complete = true
    }
    return { tests: tests.map(t => ({ ...t, output: ofTest(t.output) })), complete, output }
}

/**
 * Without what @devicescript/test prints (the name of each suite and test), its own frames and the harness's, and the
 * second print of an exception that is thrown on.
 */
function ofTest(lines: readonly string[]): string[] {
    const own = lines.filter(line => !/^> (?: {2}|tests: |running )|^DevS-SHA256|^device created|^\* RESTART requested|handover-harness\.ts|@devicescript\/test\//.test(line))
    return own.filter((line, i) => !/^[*!] /.test(line) || own.indexOf(line) === i)
}
