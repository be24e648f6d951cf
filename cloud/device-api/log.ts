/**
 * `POST /v1/dfu/{device}/log`: lines of a device's log. They come from whoever has the device's token and its
 * log: the board itself, or the host at its USB cable. The last ones are kept.
 */
import type { FastifyReply, FastifyRequest } from "fastify"
import { LIMITS } from "../limits.ts"
import type { Store } from "../store/store.ts"
import type { Tenure } from "../tenure.ts"
import type { LogBody } from "./schemas.ts"

const EMPTY = Buffer.from("{}")
/** Control characters would be a terminal's business, not a log's. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]+/g

export function logHandler({ store, tenure, now }: { readonly store: Store; readonly tenure: Tenure; readonly now: () => number }) {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<Buffer> => {
        const nowMs = now()
        const { deviceId, since } = request.session
        const lines = (request.body as LogBody).lines.map(line => line.replace(CONTROLS, " ").slice(0, LIMITS.logLineChars))
        await store.write(async repos => {
            await tenure.mustHold(repos, deviceId, since)
            await repos.logLines.append(deviceId, nowMs, lines, LIMITS.logLinesKept)
            repos.events.note("device.log", deviceId, nowMs, { lines })
        })
        reply.type("application/json")
        return EMPTY
    }
}
