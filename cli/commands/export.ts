import { type Command, Argument, Option } from "commander"
import { createWriteStream } from "node:fs"
import { finished } from "node:stream/promises"
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
    const file = to === undefined ? undefined : createWriteStream(to)
    let sizeBytes = 0
    for await (const part of session.api().download(`/export/${what}?format=${format}`)) {
        sizeBytes += part.length
        const stream: NodeJS.WritableStream = file ?? process.stdout
        if (!stream.write(part)) await new Promise(resolve => stream.once("drain", () => resolve(undefined)))
    }
    if (file === undefined) return
    file.end()
    await finished(file)
    session.out.result({ ok: true, what, format, file: to, sizeBytes }, `${what} are in ${to} (${sizeBytes} bytes)`)
}
