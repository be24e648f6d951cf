/**
 * From a saved edit to the board that runs it: one function of a project is changed again and again under `handover dev`.
 * The time begins before the file is written and ends when this script has read that the board has taken the code over,
 * so that noticing the change, compiling, comparing, signing and the way to the board are all in it.
 *
 *   npm run bench:dev -- [--edits 20] [--project template|sample] [--json]
 *
 * Exit code 1 when the median is above one second.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { cliEvents } from "../test/support/cli-events.ts"
import { runCli, sampleProject, temporaryFolder } from "../test/support/cli.ts"

const { values } = parseArgs({ options: { edits: { type: "string", default: "20" }, project: { type: "string", default: "template" }, json: { type: "boolean", default: false } } })
const EDITS = Number(values.edits)
const P50_MS_MAX = 1_000

interface Subject {
    readonly path: string
    readonly file: string
    readonly change: (text: string, n: number) => string
    remove(): void
}

/** What `handover init` makes in an empty folder. */
async function template(): Promise<Subject> {
    const folder = temporaryFolder()
    const root = join(import.meta.dirname, "..")
    mkdirSync(join(folder.path, "node_modules/@devicescript"), { recursive: true })
    symlinkSync(root, join(folder.path, "node_modules/handover"))
    symlinkSync(join(root, "node_modules/@devicescript/cli"), join(folder.path, "node_modules/@devicescript/cli"))
    const { code, stderr } = await runCli(["init", "--project", folder.path])
    if (code !== 0) throw new Error(stderr)
    return { ...folder, file: "src/main.ts", change: (text, n) => text.replace("blink ${blinks}", `${n} \${blinks}`) }
}

/** The sample firmware of this repository: eight files with a controller, a heater, sensors. */
function sample(): Subject {
    return { ...sampleProject(), file: "src/app/controller.ts", change: (text, n) => text.replace("return limitPower(", `return limitPower(0.${100 + n} * `) }
}

const subject = values.project === "sample" ? sample() : await template()
const file = join(subject.path, subject.file)
const original = readFileSync(file, "utf8")
const dev = cliEvents(["dev", "--project", subject.path])
const times: { totalMs: number; noticedMs: number; compiledMs: number; builtMs: number; signedMs: number; runningMs: number }[] = []
try {
    await dev.next("ready", 100_000)
    // the first edit checks nothing that later ones do not, but it runs cold: it is not counted
    for (let n = 0; n <= EDITS; n++) {
        const text = subject.change(original, n)
        if (text === original) throw new Error(`${subject.file} has not the line that this script changes`)
        const startMs = performance.now()
        writeFileSync(file, text)
        const ran = await dev.next("edit")
        const totalMs = performance.now() - startMs
        if (ran.is !== "running") throw new Error(JSON.stringify(ran))
        const end = await dev.next("end")
        if (end.phase !== "confirmed") throw new Error(JSON.stringify(end))
        if (n > 0) times.push({ totalMs, noticedMs: totalMs - ran.times.runningMs, ...ran.times })
    }
} finally {
    await dev.stop()
    subject.remove()
}

const quantile = (of: (t: (typeof times)[number]) => number, q: number): number => {
    const sorted = times.map(of).sort((a, b) => a - b)
    return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))])
}
const result = {
    ok: quantile(t => t.totalMs, 0.5) <= P50_MS_MAX,
    project: values.project,
    edits: times.length,
    p50Ms: quantile(t => t.totalMs, 0.5),
    p90Ms: quantile(t => t.totalMs, 0.9),
    worstMs: quantile(t => t.totalMs, 1),
    // of the median edit's time, what each stage took
    stagesP50Ms: {
        noticed: quantile(t => t.noticedMs, 0.5),
        compiled: quantile(t => t.compiledMs, 0.5),
        compared: quantile(t => t.builtMs - t.compiledMs, 0.5),
        signed: quantile(t => t.signedMs - t.builtMs, 0.5),
        takenOver: quantile(t => t.runningMs - t.signedMs, 0.5),
    },
}
if (values.json) console.log(JSON.stringify(result))
else {
    const { stagesP50Ms: s } = result
    console.log(`edit to running (${result.project}, ${result.edits} edits): p50 ${result.p50Ms} ms, p90 ${result.p90Ms} ms, worst ${result.worstMs} ms`)
    console.log(`medians of its stages: noticed ${s.noticed} ms, compiled ${s.compiled} ms, compared ${s.compared} ms, signed ${s.signed} ms, taken over ${s.takenOver} ms`)
    console.log(result.ok ? "ok" : `the median is above ${P50_MS_MAX} ms`)
}
process.exitCode = result.ok ? 0 : 1
