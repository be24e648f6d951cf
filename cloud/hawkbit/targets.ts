/** Devices as targets: there, with our token and their attributes. */
import { createHash } from "node:crypto"
import { chunks } from "../chunks.ts"
import type { DeviceRow } from "../store/schema.ts"
import { HawkbitRefused } from "./http.ts"
import type { Work } from "./work.ts"
import { eachOf, noting } from "./work.ts"

const TARGETS_PER_REQUEST = 100
const AT_ONCE = 6
/** hawkBit's limits on an attribute. */
const KEY_MAX_CHARS = 128
const VALUE_MAX_CHARS = 128

/** Makes the targets that are not there. */
export async function ensureTargets(work: Work, ids: readonly string[]): Promise<void> {
    const { store, remote } = work
    for (const chunk of chunks(ids, TARGETS_PER_REQUEST)) {
        const known = await store.read.hawkbit.links("target", chunk)
        const missing = chunk.filter(id => !known.has(id))
        if (missing.length === 0) continue
        const made = await created(work, missing)
        await store.write(async repos => {
            for (const id of made) await repos.hawkbit.setLink("target", id, "1")
        })
    }
    async function created(work: Work, missing: readonly string[]): Promise<string[]> {
        try {
            await remote.createTargets(missing)
            return [...missing]
        } catch (error) {
            if (!(error instanceof HawkbitRefused)) throw error
        }
        // One of them is there already: hawkBit makes all or none.
        const made: string[] = []
        for (const id of missing)
            await noting(work, `device ${id}`, async () => {
                await remote.createTargets([id]).catch(error => {
                    if (error instanceof HawkbitRefused && error.status === 409) return remote.takeTarget(id)
                    throw error
                })
                made.push(id)
            })
        return made
    }
}

/** Tells the attributes that have changed since they were told. */
export async function pushAttributes(work: Work, devices: readonly DeviceRow[]): Promise<void> {
    const { store, remote } = work
    const told = await store.read.hawkbit.links(
        "attributes",
        devices.map(({ id }) => id),
    )
    await eachOf(devices, AT_ONCE, async device => {
        const attributes = await attributesOf(work, device)
        const digest = createHash("sha256").update(JSON.stringify(attributes)).digest("hex").slice(0, 16)
        if (told.get(device.id) === digest) return
        await noting(work, `attributes of ${device.id}`, async () => {
            await remote.setAttributes(device.id, attributes)
            await store.write(repos => repos.hawkbit.setLink("attributes", device.id, digest))
        })
    })
}

/** The operator's, and what the device reports of itself under `handover.`; hawkBit's filters can use both. */
async function attributesOf(work: Work, device: DeviceRow): Promise<Record<string, string>> {
    const actual = await work.store.read.devices.getActual(device.id)
    const own = JSON.parse(device.attributes) as Record<string, string>
    const reported: Record<string, string | null> = {
        app: device.app,
        version: actual?.version ?? null,
        base: actual?.baseId ?? null,
        bank: actual?.bank ?? null,
        channel: actual?.channel ?? null,
    }
    const all = [...Object.entries(own), ...Object.entries(reported).flatMap(([key, value]) => (value === null ? [] : [[`handover.${key}`, value] as const]))]
    return Object.fromEntries(all.map(([key, value]) => [key.slice(0, KEY_MAX_CHARS), value.slice(0, VALUE_MAX_CHARS)]))
}
