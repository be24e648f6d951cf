import type { Command } from "commander"
import { existsSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { type ImageMap, readImageMap } from "../../toolchain/pack/image-map.ts"
import type { BaseBundle } from "../../toolchain/pack/base-bundle.ts"
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

/** Finds maps and the base; what is missing only leaves names out. */
export class Symbols {
    private readonly session: Session
    private readonly options: Options
    readonly bundle: BaseBundle | undefined
    private readonly map: ImageMap | undefined

    constructor(session: Session, options: Options) {
        this.session = session
        this.options = options
        const file = options.base ?? session.config.baseFiles[0]
        this.bundle = options.base !== undefined || existsSync(file) ? readBundles([file])[0] : undefined
        this.map = options.map === undefined ? undefined : readImageMap(readFileSync(options.map, "utf8"))
    }

    fault(fault: FaultDiagnostics) {
        const map = this.map ?? (fault.img ? findMap(this.session.config.outDir, fault.img) : undefined)
        // without --base the bundle is a guess: it must be the map's
        const base = this.options.base === undefined && map && map.baseId !== this.bundle?.baseId ? undefined : this.bundle
        return symbolizeFault(fault, map, base?.linked)
    }
}

async function symbolize(session: Session, options: Options, file?: string): Promise<void> {
    const { out } = session
    const symbols = new Symbols(session, options)
    const input = file === undefined || file === "-" ? process.stdin : Readable.from([readFileSync(file, "utf8")])
    for await (const line of createInterface({ input })) {
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
