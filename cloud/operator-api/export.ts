/** Everything that is known, as a file: devices, or the history of commands. */
import { Readable } from "node:stream"
import { Type } from "@sinclair/typebox"
import type { OperatorContext, TypedApp } from "./context.ts"
import { route } from "./context.ts"
import { csvLine } from "./csv.ts"
import { commandDocument, deviceSummary } from "./device-document.ts"
import { strict } from "./schemas.ts"

const PAGE = 100
type Row = Readonly<Record<string, unknown>>

export async function exportRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const sources = {
        devices: { rows: () => deviceRows(context), columns: ["id", "app", "attributes", "desiredRelease", "actualVersion", "actualBase", "actualBank", "actualState", "sync"] },
        commands: {
            rows: () => commandRows(context),
            columns: ["device", "id", "cmd", "release", "base", "state", "attempt", "rollout", "queuedAt", "deliveredAt", "deliveries", "acknowledgedAt", "finishedAt", "doneBytes", "ofBytes", "code", "diagnostics"],
        },
    }
    for (const [name, { rows, columns }] of Object.entries(sources)) {
        const download = route(context, "read", "server", `Export all ${name}`)
        app.get(`/export/${name}`, {
            onRequest: download.onRequest,
            schema: {
                ...download.doc,
                querystring: strict({
                    format: Type.Union([Type.Literal("csv"), Type.Literal("json")], { default: "json" }),
                }),
            },
            handler: (request, reply) => {
                const csv = String(request.query.format) === "csv"
                reply
                    .type(csv ? "text/csv; charset=utf-8" : "application/json")
                    .header("content-disposition", `attachment; filename="${name}.${csv ? "csv" : "json"}"`)
                    .send(Readable.from(csv ? asCsv(columns, rows()) : asJson(rows())))
            },
        })
    }
}

/** Everybody else's turn: an embedded database is read without waiting, so one page after the other would keep the devices from it. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Page by page: a fleet of any size takes the memory of one page. */
async function* deviceRows({ store, policy, now }: OperatorContext): AsyncGenerator<Row[]> {
    for (let after: string | null = null; ; ) {
        const devices = await store.read.devices.list({ after, limit: PAGE })
        if (devices.length === 0) return
        const views = await store.read.views.devices(devices.map(device => device.id))
        const byId = new Map(views.map(view => [view.deviceId, view]))
        yield devices.map(device => {
            const { desired, actual, sync, ...rest } = deviceSummary(device, byId.get(device.id), undefined, policy, now())
            return {
                ...rest,
                desiredRelease: desired?.release ?? null,
                actualVersion: actual?.version ?? null,
                actualBase: actual?.base ?? null,
                actualBank: actual?.bank ?? null,
                actualState: actual?.state ?? null,
                sync: sync.state,
            }
        })
        after = devices[devices.length - 1].id
        await turn()
    }
}

async function* commandRows({ store }: OperatorContext): AsyncGenerator<Row[]> {
    for (let after: string | null = null; ; ) {
        const commands = await store.read.commands.page(after, PAGE)
        if (commands.length === 0) return
        yield commands.map(command => ({ device: command.deviceId, ...commandDocument(command) }))
        after = commands[commands.length - 1].id
        await turn()
    }
}

/** The names of the columns come first, of an empty fleet too. */
async function* asCsv(columns: readonly string[], pages: AsyncGenerator<Row[]>): AsyncGenerator<string> {
    yield csvLine(columns)
    for await (const rows of pages) yield rows.map(row => csvLine(columns.map(column => row[column]))).join("")
}

async function* asJson(pages: AsyncGenerator<Row[]>): AsyncGenerator<string> {
    let separator = "[\n"
    for await (const rows of pages) {
        yield separator + rows.map(row => JSON.stringify(row)).join(",\n")
        separator = ",\n"
    }
    yield separator === "[\n" ? "[]\n" : "\n]\n"
}
