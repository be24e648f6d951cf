/** What is fuzzed, and what came of it. */
export interface FuzzTarget {
    readonly name: string
    /** Inputs to give when nothing else is asked for; slow targets give fewer and say so. */
    readonly share: number
    run(seed: number, count: number): Promise<FuzzResult>
}

export interface FuzzResult {
    readonly inputs: number
    /** How often each outcome was seen: proof that the inputs get past the first check. */
    readonly outcomes: Readonly<Record<string, number>>
    /** Inputs that crashed, hung or were taken wrongly: enough to run them again. */
    readonly findings: readonly string[]
}

export class Outcomes {
    readonly counts: Record<string, number> = {}
    readonly findings: string[] = []
    inputs = 0

    saw(outcome: string, times = 1): void {
        this.inputs += times
        this.counts[outcome] = (this.counts[outcome] ?? 0) + times
    }

    found(what: string): void {
        if (this.findings.length < 20) this.findings.push(what.slice(0, 600))
    }

    get result(): FuzzResult {
        return { inputs: this.inputs, outcomes: this.counts, findings: this.findings }
    }
}
