/**
 * Where the bytes of the linked sample program go, against the VM's limit and our goals.
 *
 *   npm run size -- [--json] [--project .] [--functions]
 */
import { sizeReport } from "../cli/size-report.ts"
import { buildProject } from "../toolchain/build-project.ts"
import { functionStarts, parseDevs, serializeDevs } from "../toolchain/devs/image.ts"
import { linkBase } from "../toolchain/link/link-base.ts"
import type { ProgramFunction } from "../toolchain/program/compiled-program.ts"

/** Goals of the design: what is left of 64 KB is the app's. */
const GOAL = { executorBytes: 12 * 1024, residentBytes: 22 * 1024, appMinBytes: 28 * 1024 }
const FUNCTION_BYTES = 16
/** A program that does nothing links these functions of the compiler's library anyhow. */
const EMPTY_PROGRAM = { "src/main.ts": "export {}\n" }

const json = process.argv.includes("--json")
const projectDir = option("--project") ?? "."

function option(name: string): string | undefined {
    const at = process.argv.indexOf(name)
    return at < 0 ? undefined : process.argv[at + 1]
}

const program = await buildProject({ projectDir })
const empty = await buildProject({ projectDir, overlay: EMPTY_PROGRAM })
/** What the resident brings along, whatever the app uses. */
const alone = await buildProject({ projectDir, overlay: { "src/main.ts": 'import { startResident } from "./resident"\nawait startResident()\n' } })
const base = linkBase(program, "1.0.0")
const report = sizeReport(base)
const { executorBytes, preludesBytes, librariesBytes, appBytes } = report.code
const { staticsBytes } = base.sizes

/** What the limit counts of a function: its code and its place in the table. */
const linked = parseDevs(base.file)
const counted = (f: ProgramFunction) => {
    const number = base.numbers.get(f.index)
    // its code stands in its callers
    return number === undefined ? 0 : linked.functions[number].code.length + FUNCTION_BYTES
}
const emptyFunctions = new Set(empty.functions.map(f => f.key))
const residentLibrary = new Set(alone.functions.filter(f => f.owner === "library" && !emptyFunctions.has(f.key)).map(f => f.key))
const sum = (of: (f: ProgramFunction) => boolean) => program.functions.filter(of).reduce((n, f) => n + counted(f), 0)

/** With the table of the base's values, which is one of its functions once it is linked. */
const residentOwn = sum(f => f.owner === "resident")
const library = sum(f => f.owner === "library" && residentLibrary.has(f.key))
const residentBytes = residentOwn + library
const summary = {
    limitBytes: report.codeLimitBytes,
    countedBytes: report.codeEndBytes,
    freeBytes: report.freeBytes,
    fileBytes: report.fileBytes,
    executorBytes,
    preludesBytes,
    staticsBytes,
    residentBytes,
    residentOwnBytes: residentOwn,
    residentLibraryBytes: library,
    librariesBytes,
    appBytes,
    leftForAppBytes: report.codeLimitBytes - executorBytes - residentBytes,
    goals: {
        executor: executorBytes <= GOAL.executorBytes,
        resident: residentBytes <= GOAL.residentBytes,
        app: report.codeLimitBytes - executorBytes - residentBytes >= GOAL.appMinBytes,
    },
    data: report.data,
}

if (json) process.stdout.write(`${JSON.stringify(summary)}\n`)
else {
    const line = (name: string, bytes: number, note = "") => process.stdout.write(`${name.padEnd(34)} ${String(bytes).padStart(6)} B  ${note}\n`)
    line("counted by the VM's limit", summary.countedBytes, `of ${summary.limitBytes}`)
    line("  executor", executorBytes, `goal ${GOAL.executorBytes}: ${summary.goals.executor ? "reached" : "MISSED"}`)
    line("  resident", residentBytes, `goal ${GOAL.residentBytes}: ${summary.goals.resident ? "reached" : "MISSED"}`)
    line("    its own functions", residentOwn)
    line("    library functions for it", library)
    line("      among them the base's values", staticsBytes)
    line("  preludes", preludesBytes)
    line("  app and top-level code", appBytes)
    line("left for app and preludes", summary.leftForAppBytes, `goal ${GOAL.appMinBytes}: ${summary.goals.app ? "reached" : "MISSED"}`)
    line("whole .devs", summary.fileBytes)
    for (const [name, bytes] of Object.entries(report.data)) line(`  ${name}`, bytes)
}
if (process.argv.includes("--functions")) {
    const byFile = new Map<string, { bytes: number; functions: string[] }>()
    for (const f of program.functions) {
        if (f.owner === "app" || f.owner === "entry" || (f.owner === "library" && !residentLibrary.has(f.key))) continue
        const file = byFile.get(f.path) ?? { bytes: 0, functions: [] }
        file.bytes += counted(f)
        file.functions.push(`${f.name} ${counted(f)}`)
        byFile.set(f.path, file)
    }
    for (const [path, file] of [...byFile].sort((a, b) => b[1].bytes - a[1].bytes)) process.stdout.write(`${String(file.bytes).padStart(6)} ${path}: ${file.functions.join(", ")}\n`)
    const starts = functionStarts(parseDevs(serializeDevs(program.image)))
    process.stdout.write(`${starts.length} functions; main ${program.functions[0].devs.code.length}, prototype ${program.functions[1].devs.code.length}\n`)
}
