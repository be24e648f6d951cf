/**
 * Our rollouts as hawkBit's: a group for each phase, with its thresholds. A device gets the release
 * when hawkBit has started its group AND our rules (windows, rate, soak, gate, operator) let it.
 */
import { chunks } from "../chunks.ts"
import { change } from "../rollouts/change.ts"
import { bucketLimit, controlStart } from "../rollouts/bucket.ts"
import { planOf } from "../rollouts/figures.ts"
import { wouldSkip } from "../rollouts/grant.ts"
import type { HawkbitAction } from "../store/hawkbit.ts"
import { pagesOf } from "../store/pages.ts"
import type { RolloutRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { PhaseMembers, RolloutLink } from "./rollout-link.ts"
import { decodeLink, encodeLink, groupsOf } from "./rollout-link.ts"
import { setOf } from "./releases.ts"
import { ensureTargets } from "./targets.ts"
import type { Work } from "./work.ts"
import { noting } from "./work.ts"

const PAGE = 500
const STARTED = new Set(["running", "starting", "finished", "stopped"])
const BROKEN = new Set(["error_creating", "error_starting", "deleting", "deleted", "approval_denied"])

export async function linkOf(work: Work, rolloutId: string): Promise<RolloutLink | undefined> {
    return decodeLink(await work.store.read.hawkbit.link("rollout", rolloutId))
}

const setLink = (work: Work, rolloutId: string, link: RolloutLink): Promise<void> =>
    work.store.write(repos => repos.hawkbit.setLink("rollout", rolloutId, encodeLink(link)))

/** Makes hawkBit's rollout for one that has begun here; one that it has already is taken over. */
export async function beginRollout(work: Work, rolloutId: string): Promise<void> {
    const { store, remote, options } = work
    const rollout = await store.read.rollouts.get(rolloutId)
    if (rollout?.state !== "running" || rollout.enrolledAtMs === null || (await linkOf(work, rolloutId)) !== undefined) return
    const name = options.prefix + rollout.id
    const known = await remote.findRollout(name)
    if (known !== undefined) {
        // Its members are not known here any more: they go by our rules alone.
        await setLink(work, rolloutId, { remote: known, said: (await remote.rolloutStatus(known)) === "ready" ? "new" : "running" })
        return
    }
    const phases = await membersOf(work, rollout)
    const groups = groupsOf(name, phases)
    const setId = groups.length === 0 ? undefined : await setOf(work, rollout.releaseId)
    if (setId === undefined) {
        await setLink(work, rolloutId, { remote: null, said: "over" })
        return
    }
    for (const [index, { deviceIds }] of phases.entries())
        for (const ids of chunks(deviceIds, PAGE)) {
            await ensureTargets(work, ids)
            await remote.tag(`${name}-${index + 1}`, ids)
        }
    const id = await remote.createRollout(name, setId, groups)
    await store.write(async repos => {
        for (const { deviceIds } of phases) for (const device of deviceIds) await repos.hawkbit.setLink(`member ${rolloutId}`, device, "1")
        await repos.hawkbit.setLink("rollout", rolloutId, encodeLink({ remote: id, said: "new" }))
    })
}

/** Who waits in which phase; those that our rules would pass over are left out. */
async function membersOf({ store }: Work, rollout: RolloutRow): Promise<PhaseMembers[]> {
    const plan = planOf(rollout)
    const release = await store.read.releases.get(rollout.releaseId)
    const limits = await Promise.all(
        plan.phases.map(async ({ percent, count }) => {
            if (percent !== null && percent >= 100) return Number.MAX_SAFE_INTEGER
            const limit = percent !== null ? bucketLimit(percent) : await store.read.rollouts.bucketAfter(rollout.id, count ?? 0)
            return Math.min(limit, controlStart(plan.controlPercent))
        }),
    )
    const members: string[][] = plan.phases.map(() => [])
    for await (const page of pagesOf(after => store.read.rollouts.page(rollout.id, after, PAGE), ({ deviceId }) => deviceId)) {
        const waiting = page.filter(place => place.state === "waiting")
        const offered = release === undefined ? new Map() : await wouldSkip(store.read, release, waiting.map(({ deviceId }) => deviceId))
        for (const { deviceId, bucket } of waiting) {
            const phase = limits.findIndex(limit => Number(bucket) < limit)
            if (phase >= 0 && offered.get(deviceId)?.skip === null) members[phase].push(deviceId)
        }
    }
    return plan.phases.map(({ successPercent, failurePercent, minFinished }, index) => ({ successPercent, failurePercent, minFinished, deviceIds: members[index] }))
}

/** Compares ours with hawkBit's: orders what has changed here, takes over what has changed there. Returns whether one is about to start. */
export async function pullRollouts(work: Work): Promise<boolean> {
    let starting = false
    for (const rollout of await work.store.read.rollouts.inStates(["running", "paused", "aborted", "completed", "rollingBack", "rolledBack"])) {
        const link = await linkOf(work, rollout.id)
        if (link === undefined || link.said === "over" || link.remote === null) continue
        const { remote } = link
        await noting(work, `rollout ${rollout.id}`, async () => {
            starting = (await pullOne(work, rollout, { ...link, remote })) || starting
        })
    }
    return starting
}

async function pullOne(work: Work, rollout: RolloutRow, link: RolloutLink & { remote: number }): Promise<boolean> {
    const { remote } = work
    const over = (): Promise<void> => setLink(work, rollout.id, { ...link, said: "over" })
    if (rollout.state === "completed") {
        await over()
        return false
    }
    const status = await remote.rolloutStatus(link.remote)
    if (rollout.state !== "running" && rollout.state !== "paused") {
        if (status === "running") await remote.steerRollout(link.remote, "pause")
        // What it has begun is ours to end; what it has not begun never begins.
        if (status !== undefined) await remote.removeRollout(link.remote)
        await over()
        return false
    }
    if (status === undefined || BROKEN.has(status)) {
        await over()
        if (rollout.state === "running") await pauseHere(work, rollout, { ...link, said: "over" }, `hawkBit's rollout is ${status ?? "gone"}; resumed, it goes on by our rules alone`)
        return false
    }
    if (rollout.state === "paused") {
        if (link.said === "running" && status === "running") await remote.steerRollout(link.remote, "pause")
        if (link.said === "running" && (status === "running" || status === "paused")) await setLink(work, rollout.id, { ...link, said: "paused" })
        return false
    }
    if (link.said === "new") {
        if (status === "ready") await remote.steerRollout(link.remote, "start")
        if (status === "ready" || STARTED.has(status)) await setLink(work, rollout.id, { ...link, said: "running" })
        return true
    }
    if (link.said === "paused") {
        if (status === "paused") await remote.steerRollout(link.remote, "resume")
        await setLink(work, rollout.id, { ...link, said: "running" })
        return true
    }
    if (status === "paused") await pauseHere(work, rollout, { ...link, said: "paused" }, "hawkBit paused it: its error threshold, or its operator")
    return status === "starting"
}

async function pauseHere(work: Work, rollout: RolloutRow, link: RolloutLink, why: string): Promise<void> {
    const { store, now } = work
    await store.write(async repos => {
        const current = await repos.rollouts.get(rollout.id)
        if (current?.state === "running") await change(repos, current, { state: "paused" }, now(), why)
        await repos.hawkbit.setLink("rollout", rollout.id, encodeLink(link))
    })
}

/** Where the device stands in the rollout that hawkBit has begun it for; `gone`: that is over. */
export async function placeOf(repos: Repos, { deviceId, releaseId }: Pick<HawkbitAction, "deviceId" | "releaseId">): Promise<"waiting" | "granted" | "skipped" | "gone" | undefined> {
    let found: "skipped" | "gone" | undefined
    for (const id of await repos.hawkbit.rolloutsOf(deviceId)) {
        const rollout = await repos.rollouts.get(id)
        if (rollout?.releaseId !== releaseId) continue
        const [place] = await repos.rollouts.places(id, [deviceId])
        const goesOn = rollout.state === "running" || rollout.state === "paused"
        if (goesOn && (place?.state === "waiting" || place?.state === "granted")) return place.state
        found = goesOn ? "skipped" : "gone"
    }
    return found
}
