import { startCli, type RunOptions } from "./cli.ts"

export interface CliEvent {
    readonly event: string
    readonly [field: string]: any
}

export interface CliEvents {
    readonly all: readonly CliEvent[]
    /** the next event of that kind which has not been waited for */
    next(kind: string, timeoutMs?: number): Promise<CliEvent>
    /** Ctrl-C, and the end */
    stop(): Promise<void>
}

/** What is no JSON is kept too, so that a test that waits in vain shows it. */
function eventOf(line: string): CliEvent {
    try {
        return JSON.parse(line) as CliEvent
    } catch {
        return { event: "not JSON", line }
    }
}

/** Starts a command that goes on and tells what it does as lines of JSON. */
export function cliEvents(args: readonly string[], options: RunOptions = {}): CliEvents {
    const child = startCli([...args, "--json"], options)
    const closed = new Promise<void>(resolve => child.once("close", () => resolve()))
    const all: CliEvent[] = []
    let heard = () => {}
    let rest = ""
    let errors = ""
    let hasEnded = false
    child.stderr!.on("data", chunk => (errors = (errors + chunk).slice(-4_000)))
    child.stdout!.on("data", chunk => {
        const lines = (rest + chunk).split("\n")
        rest = lines.pop()!
        all.push(...lines.map(eventOf))
        heard()
    })
    void closed.then(() => {
        hasEnded = true
        heard()
    })
    let from = 0
    return {
        all,
        async next(kind, timeoutMs = 60_000) {
            const endMs = performance.now() + timeoutMs
            for (;;) {
                for (; from < all.length; from++) if (all[from].event === kind) return all[from++]
                const leftMs = endMs - performance.now()
                if (leftMs <= 0 || hasEnded) throw new Error(`no event "${kind}" ${hasEnded ? "before the command ended" : `within ${timeoutMs} ms`}; the last ones: ${JSON.stringify(all.slice(-5))}\n${errors}`)
                await new Promise<void>(resolve => {
                    const timer = setTimeout(resolve, leftMs)
                    heard = () => {
                        clearTimeout(timer)
                        resolve()
                    }
                })
            }
        },
        async stop() {
            child.kill("SIGINT")
            const timer = setTimeout(() => child.kill("SIGKILL"), 20_000)
            await closed
            clearTimeout(timer)
        },
    }
}
