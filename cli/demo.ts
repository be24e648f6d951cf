import { Command, InvalidArgumentError } from "commander"
import { RefusedError } from "../toolchain/translate/refusal.ts"
import { runSteps } from "./demo/reporter.ts"
import { type DemoContext, type DemoResult, demoSteps } from "./demo/scenario.ts"
import { demoVersions, EditError } from "./demo/versions.ts"
import { World } from "./demo/world.ts"

/** Exit codes: 0 all held, 1 something did not, 2 a usage error, 3 the edit cannot go live. */
const program = new Command("npm start --")
    .description("Updates a virtual board while it runs, calls a bad update back, and cuts its power. All on this machine.")
    .option("--json", "progress on the error stream, one JSON object as the last line of the output")
    .option("--edit <file>", "your own edited copy of a file of src/app/ in the place of version 1.1.0")
    .option("--idle-seconds <n>", "how long to watch the idle board for comparison", seconds, 60)
    .option("--log", "show the board's serial log on the error stream")
    .parse()
const options = program.opts<{ json?: boolean; edit?: string; idleSeconds: number; log?: boolean }>()

function seconds(text: string): number {
    const n = Number(text)
    if (!(n >= 1 && n <= 3600)) throw new InvalidArgumentError("a number from 1 to 3600")
    return n
}

async function main(): Promise<number> {
    const world = new World()
    try {
        const context: DemoContext = {
            world,
            versions: demoVersions(options.edit),
            idleMs: options.idleSeconds * 1000,
            meter: undefined as never,
            restarts: [],
            releases: [],
            result: {},
        }
        if (options.log) world.onLine = line => process.stderr.write(`    ${line}\n`)
        await runSteps(demoSteps, context, options.json ? "json" : process.stdout.isTTY ? "terminal" : "lines")
        const result = verdict(context.result as DemoResult)
        if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
        else process.stdout.write(result.ok ? "All of it held.\n" : `Not all of it held: ${JSON.stringify(result)}\n`)
        return result.ok ? 0 : 1
    } catch (e) {
        if (!(e instanceof RefusedError) && !(e instanceof EditError)) throw e
        process.stderr.write(`${e.message}\n`)
        if (options.json) process.stdout.write(`${JSON.stringify({ ok: false, refusals: e instanceof RefusedError ? e.refusals : e.message })}\n`)
        return e instanceof RefusedError ? 3 : 2
    } finally {
        await world.close()
    }
}

/** The numbers that the demo promises. */
function verdict(r: DemoResult): DemoResult {
    const ok =
        r.commandToRunningMs <= 1000 &&
        r.missedTicks <= r.idleMissedTicks &&
        !r.rebooted &&
        r.rollback.ticksLost <= 1 &&
        r.rollback.location !== "?" &&
        r.versionAfterPowerCycle === "1.1.0"
    return { ...r, ok }
}

process.exitCode = await main()
