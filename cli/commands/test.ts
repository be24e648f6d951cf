import type { Command } from "commander"
import { readdirSync } from "node:fs"
import { join, relative, sep } from "node:path"
import { BuildError } from "../../toolchain/build-project.ts"
import { type CompiledProgram, locate } from "../../toolchain/program/compiled-program.ts"
import { WarmCompiler } from "../../toolchain/warm-compiler.ts"
import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import { wholeNumber } from "../option-values.ts"
import { action, type Session } from "../session.ts"
import { harness, harnessPath } from "../unit-tests/harness.ts"
import { type FileReport, readReport, type TestReport } from "../unit-tests/read-report.ts"

interface Options {
    readonly timeout: number
    readonly gcStress?: boolean
}

interface FileResult {
    readonly file: string
    readonly tests: readonly TestReport[]
    /** why the file as a whole failed; undefined when its tests have all had their turn */
    readonly error: string | undefined
    readonly output: readonly string[]
}

/** A week on the board's clock, which jumps over sleeps: the real time is what is limited. */
const BOARD_LIMIT_MS = 7 * 24 * 3600 * 1000

export function addTest(program: Command): void {
    program
        .command("test [files...]")
        .summary("run the project's unit tests on the stock virtual machine")
        .description(
            "Compiles each *.test.ts below src/ (or those whose path contains one of the words given), written with @devicescript/test,\n" +
                "and runs it on the stock virtual machine. Sleeps cost no time: the board's clock jumps over them.",
        )
        .option("--timeout <s>", "longest time that a file may take", wholeNumber, 60)
        .option("--gc-stress", "collect garbage at every allocation")
        .action(action(test))
}

async function test({ config, out }: Session, options: Options, words: string[]): Promise<number> {
    const files = testFiles(join(config.projectDir, "src"), config.projectDir).filter(f => words.length === 0 || words.some(w => f.includes(w)))
    if (!files.length)
        throw new CliError("HOV_CLI_FILE", words.length ? `no test file's path contains ${words.join(" or ")}` : "there is no *.test.ts below src/: write one with @devicescript/test")
    const { runProgram } = await import("../../sim/index.ts")
    const compiler = new WarmCompiler({ projectDir: config.projectDir })
    const results: FileResult[] = []
    try {
        for (const file of files) {
            const result = await runFile(file)
            results.push(result)
            if (!out.json) out.result({}, () => fileText(result))
        }
    } finally {
        compiler.close()
    }
    const count = (state: TestReport["state"]) => results.reduce((n, r) => n + r.tests.filter(t => t.state === state).length, 0)
    const brokenFiles = results.filter(r => r.error !== undefined && !r.tests.some(t => t.state === "failed")).length
    const [passed, failed, skipped] = [count("passed"), count("failed") + brokenFiles, count("skipped")]
    const ok = failed === 0 && results.every(r => r.error === undefined)
    out.result({ ok, passed, failed, skipped, files: results }, `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`)
    return ok ? EXIT.ok : EXIT.failed

    async function runFile(file: string): Promise<FileResult> {
        let program: CompiledProgram
        const entry = harnessPath(file)
        try {
            program = await compiler.compile({ entry, overlay: { [entry]: harness(file) } })
        } catch (e) {
            if (!(e instanceof BuildError)) throw e
            return { file, tests: [], error: e.message, output: [] }
        }
        const { lines, panicCode, timedOut } = await runProgram(program.file, { clock: "virtual", timeoutMs: BOARD_LIMIT_MS, hostTimeoutMs: options.timeout * 1000, gcStress: options.gcStress === true })
        const report = readReport(lines.map(line => withSource(program, line)))
        return { file, tests: report.tests, error: errorOf(report, panicCode, timedOut, options.timeout), output: report.output }
    }
}

function errorOf({ tests, complete }: FileReport, panicCode: number | undefined, timedOut: boolean, timeoutS: number): string | undefined {
    if (complete) return tests.length ? undefined : "it has no tests"
    if (timedOut) return `it has not ended after ${timeoutS} s (--timeout)`
    return panicCode ? `the program ended with panic ${panicCode}` : "the program ended before its tests did"
}

function testFiles(folder: string, projectDir: string): string[] {
    let names: string[]
    try {
        names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    } catch {
        return []
    }
    return names
        .filter(name => name.endsWith(".test.ts"))
        .map(name => relative(projectDir, join(folder, name)).split(sep).join("/"))
        .sort()
}

const frameLine = /at (\S+)_F(\d+) \(pc:(\d+)\)/

/** A line of one of the VM's stack traces, with the source line. */
function withSource(program: CompiledProgram, line: string): string {
    const found = frameLine.exec(line)
    if (!found || !program.functions[Number(found[2])]) return line
    // a return address is behind the call
    return line.replace(frameLine, `at ${found[1]} (${locate(program, Number(found[2]), Number(found[3]) - 1)})`)
}

function fileText({ file, tests, error, output }: FileResult): string {
    const failed = tests.filter(t => t.state === "failed")
    const head = `${error === undefined && !failed.length ? "ok  " : "FAIL"} ${file} (${tests.filter(t => t.state === "passed").length} passed, ${failed.length} failed)`
    const said = (lines: readonly string[]) => lines.map(line => `        ${line}`)
    return [
        head,
        ...failed.flatMap(t => [`    ${t.name}`, ...said(t.output)]),
        ...(error === undefined ? [] : [`    ${error.replaceAll("\n", "\n    ")}`, ...(tests.length ? said(output.slice(-10)) : [])]),
    ].join("\n")
}
