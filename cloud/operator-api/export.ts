/** Everything that is known, as a file: devices, or the history of commands. */
import { Readable } from "node:stream"
import { Type } from "@sinclair/typebox"
import { idOf, pagesOf } from "../store/pages.ts"
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

async function* deviceRows({ store, policy, now }: OperatorContext): AsyncGenerator<Row[]> {
    for await (const devices of pagesOf(after => store.read.devices.list({ after, limit: PAGE }), idOf)) {
        const views = await store.read.views.devices(devices.map(device => device.id))
        const viewOf = new Map(views.map(view => [view.deviceId, view]))
        yield devices.map(device => {
            const { desired, actual, sync, ...rest } = deviceSummary(device, viewOf.get(device.id), undefined, policy, now())
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
    }
}

async function* commandRows({ store }: OperatorContext): AsyncGenerator<Row[]> {
    for await (const commands of pagesOf(after => store.read.commands.page(after, PAGE), idOf))
        yield commands.map(command => ({ device: command.deviceId, ...commandDocument(command) }))
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
