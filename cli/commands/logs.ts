import type { Command } from "commander"
import { part } from "../api-client.ts"
import type { StatusDocument } from "../../cloud/operator-api/documents.ts"
import { faultOfDiagnostics, formatFault } from "../../toolchain/pack/symbolize.ts"
import { action, type Session } from "../session.ts"
import { wholeNumber } from "../option-values.ts"
import { Symbols } from "../symbols.ts"

interface Options {
    readonly device: string
    readonly follow?: boolean
    readonly lines: number
    readonly map?: string
    readonly base?: string
}

export function addLogs(program: Command): void {
    program
        .command("logs")
        .summary("what a board reported, with functions and lines of its faults")
        .description("Prints what a board told the server, oldest first. Faults get names when the image's map and the base bundle are here.")
        .requiredOption("--device <id>", "the board")
        .option("--lines <n>", "how many of the latest reports", wholeNumber, 50)
        .option("--follow", "go on with what happens, until stopped")
        .option("--map <file>", "map of the image (default: found in OUT/releases)")
        .option("--base <file>", "base bundle (default: OUT/base.json)")
        .action(action(logs))
}

async function logs(session: Session, options: Options): Promise<void> {
    const api = session.api()
    const symbols = await Symbols.open(session, options)
    const print = (s: Omit<StatusDocument, "seq">) => {
        const fault = faultOfDiagnostics(s.diagnostics)
        const seen = fault && symbols.fault(fault)
        const progress = s.ofBytes ? ` ${s.doneBytes ?? 0}/${s.ofBytes} bytes` : ""
        session.out.result(seen ? { ...s, fault: seen } : s, () =>
            [`${s.at} ${s.state.padEnd(11)} ${s.version ?? "-"} bank ${s.bank ?? "-"}${progress}${s.code ? ` ${s.code}` : ""}`, ...(seen ? [formatFault(seen)] : [])].join("\n"),
        )
    }
    const route = `/devices/${part(options.device)}/history`
    const shown = options.lines ? await api.list<StatusDocument>(route, options.lines) : []
    for (const s of shown.reverse()) print(s)
    if (!options.follow) return
    const stop = new AbortController()
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort())
    let last = shown.at(-1)?.seq ?? 0
    try {
        for await (const _ of api.events(`?device=${encodeURIComponent(options.device)}&types=device.status`, stop.signal)) {
            const newer = (await api.list<StatusDocument>(route, 50)).filter(s => s.seq > last).reverse()
            for (const s of newer) {
                last = s.seq
                print(s)
            }
        }
    } catch (e) {
        if (!stop.signal.aborted) throw e
    }
}
