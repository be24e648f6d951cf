/** A device's log: what it printed, as far as somebody sent it here. */
import type { OperatorContext, TypedApp } from "./context.ts"
import { route } from "./context.ts"
import { findDevice } from "./devices.ts"
import type { LogLine } from "./documents.ts"
import { DeviceId, iso, numberOf, PageQuery, page, strict } from "./schemas.ts"

export async function deviceLogRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store } = context
    const look = route(context, "read", "devices", "Page through the last lines of a device's log, newest first; new ones are events of type device.log")
    app.get("/devices/:device/log", {
        onRequest: look.onRequest,
        schema: { ...look.doc, params: strict({ device: DeviceId }), querystring: PageQuery },
        handler: async request => {
            const device = await findDevice(store.read, request.params.device)
            const { limit, after } = request.query
            const rows = await store.read.logLines.list(device.id, numberOf(after), limit)
            return page(rows.map((row): LogLine => ({ seq: Number(row.seq), at: iso(row.atMs), line: row.line })), limit, last => String(last.seq))
        },
    })
}
