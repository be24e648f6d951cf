/** What a rollout would do, before it is started. */
import { randomBytes } from "node:crypto"
import type { PreviewedDevice } from "../rollouts/preview.ts"
import { previewRollout } from "../rollouts/preview.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { route } from "./context.ts"
import { findRelease } from "./find-release.ts"
import { findGroup } from "./groups.ts"
import { planOfOrder } from "./rollout-document.ts"
import type { PreviewDocument } from "./rollout-documents.ts"
import { joinFilters, RolloutRequest } from "./rollouts.ts"
import { strict } from "./schemas.ts"

/** Devices named for each phase and for each reason to pass one over. */
const NAMED = 50

export async function rolloutPreviewRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store } = context
    const preview = route(context, "read", "rollouts", "Preview a rollout: who would get it in which phase, who would be passed over and why. Start it with the same seed for the same order")
    app.post("/rollouts/preview", {
        onRequest: preview.onRequest,
        schema: { ...preview.doc, body: strict(RolloutRequest) },
        handler: async (request): Promise<PreviewDocument> => {
            const { name: _name, release: wanted, group, filter, channel, seed: given, ...order } = request.body
            const seed = given ?? randomBytes(12).toString("base64url")
            const plan = planOfOrder(order)
            const release = await findRelease(store.read, wanted)
            const devices = await previewRollout(store.read, {
                release,
                plan,
                seed,
                target: { group: group === undefined ? null : await findGroup(store.read, group), filter: joinFilters(filter, channel) },
            })
            const served = devices.filter(device => device.skip === null)
            return {
                release: release.id,
                seed,
                devices: devices.length,
                served: served.length,
                phases: plan.phases.map(({ percent, count, manual, soakS }, index) => {
                    const own = served.filter(device => device.phase === index)
                    return { percent, count, manual, soakS, devices: own.length, total: served.filter(device => device.phase !== null && device.phase <= index).length, first: own.slice(0, NAMED).map(named) }
                }),
                left: served.filter(device => device.phase === null).length,
                skipped: groupBy(devices.filter(device => device.skip !== null), device => String(device.skip)).map(([reason, own]) => ({ reason, devices: own.length, first: own.slice(0, NAMED).map(named) })),
                versions: groupBy(served, device => device.version ?? "").map(([version, own]) => ({ version, devices: own.length })),
                bases: groupBy(served, device => device.baseId ?? "").map(([base, own]) => ({ base, devices: own.length })),
            }
        },
    })
}

const named = ({ id, version }: PreviewedDevice) => ({ id, version })

function groupBy(devices: readonly PreviewedDevice[], key: (device: PreviewedDevice) => string): [string, PreviewedDevice[]][] {
    const groups = new Map<string, PreviewedDevice[]>()
    for (const device of devices) {
        const own = groups.get(key(device))
        if (own === undefined) groups.set(key(device), [device])
        else own.push(device)
    }
    return [...groups].sort((a, b) => b[1].length - a[1].length)
}
