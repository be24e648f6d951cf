import type { Command } from "commander"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { faultOfDiagnostics, faultOfLogLine, formatFault, symbolizeStackLine } from "../../toolchain/pack/symbolize.ts"
import { action, type Session } from "../session.ts"
import { type SymbolOptions, Symbols } from "../symbols.ts"

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

async function symbolize(session: Session, options: SymbolOptions, file?: string): Promise<void> {
    const { out } = session
    const symbols = await Symbols.open(session, options)
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
