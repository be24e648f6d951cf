import { type Command, Argument, Option } from "commander"
import { createWriteStream } from "node:fs"
import { pipeline } from "node:stream/promises"
import { action, type Session } from "../session.ts"

interface Options {
    readonly format: "csv" | "json"
    readonly to?: string
}

export function addExport(program: Command): void {
    program
        .command("export")
        .summary("devices or commands as a file")
        .description("Writes everything that the server knows of devices, or the history of commands, as CSV or JSON.")
        .addArgument(new Argument("<what>", "what to export").choices(["devices", "commands"]))
        .addOption(new Option("--format <format>", "of the file").choices(["csv", "json"]).default("json"))
        .option("--to <file>", "write it there instead of to standard output")
        .action(action(exportAll))
}

async function exportAll(session: Session, { format, to }: Options, what: string): Promise<void> {
    let sizeBytes = 0
    const parts = async function* (): AsyncGenerator<Uint8Array> {
        for await (const part of session.api().download(`/export/${what}?format=${format}`)) {
            sizeBytes += part.length
            yield part
        }
    }
    await pipeline(parts, to === undefined ? process.stdout : createWriteStream(to), { end: to !== undefined })
    if (to === undefined) return
    session.out.result({ ok: true, what, format, file: to, sizeBytes }, `${what} are in ${to} (${sizeBytes} bytes)`)
}
