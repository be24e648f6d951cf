/** The fleet at a glance, and who is looking. */
import { Type } from "@sinclair/typebox"
import type { FleetCount, FleetSample } from "../store/fleet.ts"
import { may, PERMISSIONS } from "../tokens.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { route } from "./context.ts"
import { iso, strict } from "./schemas.ts"
import type { FleetCountDocument, FleetDocument, FleetHistoryDocument, MeDocument } from "./server-documents.ts"

/** A board that holds polls is heard of once a minute: two missed are silence. */
const SILENT_AFTER_S = 150
const HOURS_MAX = 400 * 24
const SAMPLES_MAX = 1_000

export async function fleetRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, hub, now } = context

    const me = route(context, "read", "server", "Who the token belongs to and what it may do")
    app.get("/me", {
        onRequest: me.onRequest,
        schema: me.doc,
        handler: async ({ principal }): Promise<MeDocument> => ({
            name: principal.name,
            role: principal.role,
            permissions: PERMISSIONS.filter(permission => may(principal.role, permission)),
            expiresAt: iso(principal.expiresAtMs),
        }),
    })

    const look = route(context, "read", "devices", "The fleet in figures: what runs, what is heard of; lastEvent is where live events go on")
    app.get("/fleet", {
        onRequest: look.onRequest,
        schema: look.doc,
        handler: async (): Promise<FleetDocument> => {
            // Read first: what is committed after it comes with the events.
            const lastEvent = hub.lastSeq
            const nowMs = now()
            const counts = await store.read.fleet.counts()
            const devices = await store.read.fleet.devices()
            return {
                at: iso(nowMs),
                lastEvent,
                devices,
                reported: counts.reduce((sum, count) => sum + count.devices, 0),
                heard: await store.read.fleet.heardSince(nowMs - SILENT_AFTER_S * 1000),
                silentAfterS: SILENT_AFTER_S,
                versions: sumBy(counts, "version"),
                states: sumBy(counts, "state"),
                channels: sumBy(counts, "channel"),
                bases: sumBy(counts, "baseId"),
                banks: sumBy(counts, "bank"),
            }
        },
    })

    const history = route(context, "read", "devices", "How many devices ran each version over time; between two samples nothing changed")
    app.get("/fleet/history", {
        onRequest: history.onRequest,
        schema: {
            ...history.doc,
            querystring: strict({
                hours: Type.Number({ exclusiveMinimum: 0, maximum: HOURS_MAX, default: 24 }),
                samples: Type.Integer({ minimum: 2, maximum: SAMPLES_MAX, default: 300, description: "At most so many: the last of each step" }),
            }),
        },
        handler: async (request): Promise<FleetHistoryDocument> => {
            const { hours, samples } = request.query
            const toMs = now()
            const fromMs = toMs - Math.ceil(hours * 3_600_000)
            const before = await store.read.fleet.sampleAt(fromMs)
            const all = await store.read.fleet.samplesAfter(fromMs)
            const shown = lastOfEachStep(all, fromMs, (toMs - fromMs) / samples)
            const list = before === undefined ? shown : [{ ...before, atMs: fromMs }, ...shown]
            return {
                from: iso(fromMs),
                to: iso(toMs),
                versions: [...new Set(list.flatMap(sample => [...sample.versions.keys()]))].sort(),
                samples: list.map(sample => ({ at: iso(sample.atMs), devices: Object.fromEntries(sample.versions) })),
            }
        },
    })
}

function sumBy(counts: readonly FleetCount[], field: "version" | "state" | "channel" | "baseId" | "bank"): FleetCountDocument[] {
    const sums = new Map<string, number>()
    for (const count of counts) sums.set(count[field] ?? "", (sums.get(count[field] ?? "") ?? 0) + count.devices)
    return [...sums].map(([name, devices]) => ({ name, devices })).sort((a, b) => b.devices - a.devices)
}

export function lastOfEachStep(samples: readonly FleetSample[], fromMs: number, stepMs: number): FleetSample[] {
    const step = (sample: FleetSample): number => Math.floor((sample.atMs - fromMs) / stepMs)
    return samples.filter((sample, index) => index + 1 === samples.length || step(sample) !== step(samples[index + 1]))
}
