import type { Output } from "./output.ts"

/**
 * Runs one long piece of work and says so on the error stream: moving on a terminal, else a line when it is done.
 * `tell` shows how far it is.
 */
export async function withProgress<T>(out: Output, title: string, work: (tell: (text: string) => void) => Promise<T>): Promise<T> {
    if (out.json) return work(() => undefined)
    if (!process.stderr.isTTY) {
        const startMs = performance.now()
        const result = await work(text => out.verbose && out.note(`${title}: ${text}`))
        out.note(`${title} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`)
        return result
    }
    let result: T | undefined
    const { Listr, ListrLogger, ProcessOutput } = await import("listr2")
    const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) })
    await new Listr(
        [
            {
                title,
                task: async (_, task) => {
                    result = await work(text => {
                        task.output = text
                    })
                },
            },
        ],
        { rendererOptions: { logger, showErrorMessage: false, collapseErrors: true } },
    ).run()
    return result as T
}
