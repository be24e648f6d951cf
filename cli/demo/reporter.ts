import { Listr, type ListrTask } from "listr2"

/** One step of the demo: does something and says in a line what was seen. */
export interface Step<C> {
    readonly title: string
    readonly run: (context: C, tell: (text: string) => void) => Promise<string>
}

/**
 * Runs steps one after the other. On a terminal with a moving display, else a line for each; with `--json` those lines go
 * to the error stream, so that standard output holds nothing but the result.
 */
export async function runSteps<C>(steps: readonly Step<C>[], context: C, mode: "terminal" | "lines" | "json"): Promise<void> {
    if (mode === "terminal") {
        const tasks: ListrTask<C>[] = steps.map(step => ({
            title: step.title,
            task: async (c, task) => {
                task.output = await step.run(c, text => {
                    task.output = text
                })
                task.title = `${step.title}: ${task.output}`
            },
        }))
        await new Listr<C>(tasks, { rendererOptions: { collapseSubtasks: false } }).run(context)
        return
    }
    const out = mode === "json" ? process.stderr : process.stdout
    for (const [i, step] of steps.entries()) {
        const seen = await step.run(context, () => undefined)
        out.write(`[${String(i + 1).padStart(2)}/${steps.length}] ${step.title}: ${seen}\n`)
    }
}
