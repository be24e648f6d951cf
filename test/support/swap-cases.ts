import { runProgram } from "../../sim/index.ts"
import { type SwapPlan, swappedBySelf } from "./swap-program.ts"

/**
 * Cases of one program, so that the compiler runs twice for all of them. Each has declarations at top level, in two
 * versions (lines ending in `// before` and `// after`), and a body, which calls `swap()` to get from one to the other
 * and must leave the old version current.
 */
export class SwapCases {
    private readonly cases = new Map<string, string>()
    private lines = new Map<string, string[]>()

    given(name: string, declarations: string, body: string): void {
        this.cases.set(name, `${declarations}\nasync function case_${name}() {\n${body}\n}\n`)
    }

    /** What a case printed and the VM said of its exceptions; without lines for debugging and news of the VM's devices. */
    of(name: string): readonly string[] {
        return this.lines.get(name) ?? []
    }

    /** Builds and runs all. Throws when the program does not come to its end. */
    async run(plan: Partial<SwapPlan> = {}): Promise<void> {
        const names = [...this.cases.keys()]
        const calls = names.map(name => `console.log("case ${name}")\nawait case_${name}()\n`)
        const text = `${[...this.cases.values()].join("\n")}\n${calls.join("")}console.log("case end")\nconsole.log("done")`
        const { program } = build(text, { quiet: true, ...plan })
        const result = await runProgram(program, { until: /^> done/, clock: "virtual" })
        let current: string[] = []
        for (const line of result.lines) {
            const name = /^> case (\S+)/.exec(line)?.[1]
            if (name) {
                current = []
                this.lines.set(name, current)
            } else if (/^(> |! |\* )/.test(line)) current.push(line.replace(/^> /, ""))
        }
        if (result.lines[result.lines.length - 1] === "> done") return
        console.error(result.lines.slice(-12).join("\n"))
        throw new Error("the program did not come to its end")
    }
}

/** uvu does not show what a `before` throws. */
function build(text: string, plan: Partial<SwapPlan>) {
    try {
        return swappedBySelf(text, plan)
    } catch (e) {
        console.error(e instanceof Error ? e.message : e)
        throw e
    }
}
