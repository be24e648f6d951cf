import type { Command } from "commander"
import { existsSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { type ImageMap, readImageMap } from "../../toolchain/pack/image-map.ts"
import type { BaseBundle } from "../../toolchain/pack/base-bundle.ts"
import { PackError } from "../../toolchain/pack/pack-error.ts"
import { faultOfDiagnostics, faultOfLogLine, type FaultDiagnostics, formatFault, symbolizeFault, symbolizeStackLine } from "../../toolchain/pack/symbolize.ts"
import { readBundles } from "../project-programs.ts"
import { findMap } from "../release-files.ts"
import { action, type Session } from "../session.ts"

interface Options {
    readonly map?: string
    readonly base?: string
}

export function addSymbolize(program: Command): void {
    program
        .command("symbolize [file]")
        .summary("name functions and lines in a board's log or diagnostics")
        .description(
            "Reads a serial log, or the diagnostics object of a status, from FILE or standard input, and names functions and\n" +
                "source lines. Log lines go through as they are; what could be named follows below them.",
        )
        .option("--map <file>", "map of the image (default: found in OUT/releases by the image's digest)")
        .option("--base <file>", "base bundle (default: OUT/base.json)")
        .action(action(symbolize))
}

/** Lines of the resident that tell which image runs from then on. */
const currentImageLine = /HOV (?:boot|swap|rolledback) .*\bseq=(\d+)/

/** Finds maps and the base; what is missing only leaves names out. */
export class Symbols {
    private readonly session: Session
    private readonly options: Options
    readonly bundle: BaseBundle | undefined
    private readonly map: ImageMap | undefined
    private current: ImageMap | undefined

    constructor(session: Session, options: Options) {
        this.session = session
        this.options = options
        this.bundle = options.base === undefined ? guessedBundle(session, () => readIfThere(session.config.baseFiles[0])) : readBundles([options.base])[0]
        this.map = options.map === undefined ? undefined : readImageMap(readFileSync(options.map, "utf8"))
    }

    /** A log does not say which image threw, but it said before which one it went to. */
    sawLine(line: string): void {
        const found = currentImageLine.exec(line)
        if (!found || !this.bundle || this.map) return
        const [baseId, sequence] = [this.bundle.baseId, Number(found[1])]
        this.current = sequence === 0 ? undefined : findMap(this.session.config.outDir, m => m.baseId === baseId && m.sequence === sequence)
    }

    fault(fault: FaultDiagnostics) {
        const { img } = fault
        const map = this.map ?? (img ? findMap(this.session.config.outDir, m => m.imageDigest.startsWith(img)) : this.current)
        // without --base the bundle is a guess: it must be the map's
        const base = this.options.base === undefined && map && map.baseId !== this.bundle?.baseId ? undefined : this.bundle
        return symbolizeFault(fault, map, base?.linked)
    }
}

function readIfThere(file: string): BaseBundle | undefined {
    return existsSync(file) ? readBundles([file])[0] : undefined
}

/** A bundle that nobody named: when it cannot be used, names are left out, and a warning says why. */
export function guessedBundle({ out }: Session, read: () => BaseBundle | undefined): BaseBundle | undefined {
    try {
        return read()
    } catch (e) {
        if (!(e instanceof PackError)) throw e
        out.warn(`${e.message} (${e.code})`)
        return undefined
    }
}

async function symbolize(session: Session, options: Options, file?: string): Promise<void> {
    const { out } = session
    const symbols = new Symbols(session, options)
    const input = file === undefined || file === "-" ? process.stdin : Readable.from([readFileSync(file, "utf8")])
    for await (const line of createInterface({ input })) {
        symbols.sawLine(line)
        const fault = faultOfLogLine(line) ?? faultOfDiagnostics(jsonOf(line))
        if (fault) {
            const seen = symbols.fault(fault)
            out.result({ line, fault: seen }, () => `${line}\n${formatFault(seen)}`)
            continue
        }
        const frame = symbols.bundle && symbolizeStackLine(line, symbols.bundle.linked)
        if (frame) out.result({ line, frame }, () => `${line}  ${frame.functionName} (${frame.location})`)
        else out.result({ line }, line)
    }
}

function jsonOf(line: string): unknown {
    if (!line.trimStart().startsWith("{")) return undefined
    try {
        const value = JSON.parse(line) as Record<string, unknown>
        return value.diag ?? value.diagnostics ?? value
    } catch {
        return undefined
    }
}
