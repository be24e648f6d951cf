/**
 * The exchange with hawkBit, by the process that leads. Rounds, one after the other:
 *
 * 1. Is it the hawkBit that we know? A module that names our journal says so; when it is gone,
 *    hawkBit has lost its memory, and everything is told again.
 * 2. The events since the last round, each as "look at this release, device or rollout again".
 *    How far that has come is in the database: a restart goes on there.
 * 3. What hawkBit has for devices to do.
 *
 * Each step looks before it makes: broken off anywhere and done again, nothing is there twice.
 */
import { randomUUID } from "node:crypto"
import type { StoredEvent } from "../store/events.ts"
import { idOf, pagesOf } from "../store/pages.ts"
import { pushDevices } from "./devices.ts"
import { HawkbitAway } from "./http.ts"
import { checkOpen, pullPending } from "./pull.ts"
import { pushRelease } from "./releases.ts"
import { beginRollout, pullRollouts } from "./rollouts.ts"
import type { Work } from "./work.ts"
import { noting } from "./work.ts"

const PAGE = 500
const JOURNAL = "handover-journal"
/** While a rollout is about to start there. */
const EAGER_MS = 250
/** A look at a large fleet costs hawkBit something: it has this many times as long to itself. */
const REST_FACTOR = 4

export class HawkbitSync {
    readonly #work: Work
    readonly #unsubscribe: () => void
    readonly #wanted = new Set<string>()
    #timer: NodeJS.Timeout | undefined
    #round: Promise<void> | undefined
    #started = false
    #closed = false
    #again = false
    /** Not before: hawkBit is given time. */
    #restUntilMs = 0
    #knownAtMs = 0
    #pulledAtMs = 0
    #pullMs = 0
    #checkedTo = ""
    #isEager = false

    constructor(work: Work) {
        this.#work = work
        this.#unsubscribe = work.store.onEvents(events => {
            work.health.behind += events.length
            this.wake()
        })
    }

    start(): void {
        if (this.#started || this.#closed) return
        this.#started = true
        this.wake()
    }

    /** Another process leads. */
    stop(): void {
        this.#started = false
        clearTimeout(this.#timer)
        this.#timer = undefined
    }

    async close(): Promise<void> {
        this.stop()
        this.#closed = true
        this.#unsubscribe()
        await this.#round
    }

    /** A rollout that hawkBit should have. */
    want(rolloutId: string): void {
        if (this.#wanted.has(rolloutId)) return
        this.#wanted.add(rolloutId)
        this.wake()
    }

    wake(): void {
        if (!this.#started) return
        if (this.#round !== undefined) {
            this.#again = true
            return
        }
        this.#schedule(Math.max(0, this.#restUntilMs - Date.now()))
    }

    #schedule(waitMs: number): void {
        if (!this.#started) return
        clearTimeout(this.#timer)
        this.#timer = setTimeout(() => {
            this.#again = false
            this.#round = this.#safely().finally(() => {
                this.#round = undefined
                const restMs = Math.max(0, this.#restUntilMs - Date.now())
                const pollMs = this.#isEager ? Math.min(EAGER_MS, this.#work.options.pollMs) : this.#work.options.pollMs
                this.#schedule(restMs > 0 ? restMs : this.#again ? 0 : pollMs)
            })
        }, waitMs)
    }

    async #safely(): Promise<void> {
        const { health, log, runner, store } = this.#work
        // Who grants is who speaks with hawkBit: not a server that is handing over to another one.
        if (!runner.isStarted) return
        try {
            await this.#exchange()
            if (health.ok()) log.info("hawkBit answers")
            // Rollouts may have waited for that.
            runner.kick()
        } catch (error) {
            if (this.#closed) return
            const away = error instanceof HawkbitAway
            const { changed, waitMs } = health.away((error as Error).message, away ? error.retryAfterMs : null)
            this.#restUntilMs = Date.now() + waitMs
            this.#knownAtMs = 0
            if (!away) log.error({ err: error }, "the exchange with hawkBit failed")
            else if (changed) log.warn({ why: (error as Error).message }, "hawkBit is away: what is known is served, and hawkBit is told later")
            const cursor = Number((await store.read.hawkbit.note("cursor").catch(() => undefined)) ?? 0)
            health.behind = (await store.read.events.lastSeq().catch(() => cursor)) - cursor
        }
    }

    async #exchange(): Promise<void> {
        const { options } = this.#work
        const nowMs = Date.now()
        const isDue = nowMs - this.#pulledAtMs >= Math.max(this.#isEager ? EAGER_MS : options.pollMs, REST_FACTOR * this.#pullMs)
        if (nowMs - this.#knownAtMs >= Math.min(options.pollMs, 2_000)) await this.#recognise()
        await this.#push()
        for (const id of [...this.#wanted]) {
            this.#wanted.delete(id)
            await noting(this.#work, `rollout ${id}`, () => beginRollout(this.#work, id))
            this.#isEager = true
        }
        if (isDue) {
            this.#pulledAtMs = Date.now()
            this.#isEager = await pullRollouts(this.#work)
            if (await pullPending(this.#work)) this.#work.runner.kick()
            this.#checkedTo = await checkOpen(this.#work, this.#checkedTo)
            await this.#pushAgain()
            this.#pullMs = Date.now() - this.#pulledAtMs
        }
    }

    async #recognise(): Promise<void> {
        const { store, remote, options, figures, log } = this.#work
        const journal = (await store.read.hawkbit.note("journal")) ?? randomUUID()
        const isKnown = (await remote.findModule(options.prefix + JOURNAL, journal)) !== undefined
        if (!isKnown) {
            log.info("hawkBit does not know us: it is told everything")
            await store.write(async repos => {
                await repos.hawkbit.forgetAll()
                await repos.hawkbit.setNote("journal", journal)
                await repos.hawkbit.setNote("cursor", String(await repos.events.lastSeq()))
                await repos.hawkbit.setNote("all", "due")
            })
            await remote.prepare()
            await remote.createModule(options.prefix + JOURNAL, journal, "Handover keeps its place by this: leave it")
            figures.resyncs++
        } else if (this.#knownAtMs === 0) await remote.prepare()
        if ((await store.read.hawkbit.note("all")) === "due") {
            await this.#pushAll()
            await store.write(repos => repos.hawkbit.setNote("all", "done"))
        }
        this.#knownAtMs = Date.now()
    }

    /** What the events speak of, in their order. */
    async #push(): Promise<void> {
        const { store, health } = this.#work
        for (;;) {
            const cursor = Number((await store.read.hawkbit.note("cursor")) ?? 0)
            const first = await store.read.events.firstSeq()
            const events = await store.read.events.after(cursor, PAGE)
            health.behind = (await store.read.events.lastSeq()) - cursor
            if (events.length === 0) break
            // Some were removed before hawkBit could hear of them.
            if (first > cursor + 1 && cursor > 0) await this.#pushAll()
            await this.#pushSubjects(subjectsOf(events))
            const last = events[events.length - 1].seq
            await store.write(repos => repos.hawkbit.setNote("cursor", String(last)))
            health.behind = Math.max(0, health.behind - (last - cursor))
            if (!this.#started) return
        }
        await this.#pushAgain()
    }

    async #pushAgain(): Promise<void> {
        const { again } = this.#work
        if (again.size === 0) return
        const ids = [...again]
        again.clear()
        await pushDevices(this.#work, ids)
    }

    async #pushSubjects({ releases, devices, rollouts }: Subjects): Promise<void> {
        for (const id of releases) await noting(this.#work, `release ${id}`, async () => void (await pushRelease(this.#work, id)))
        await pushDevices(this.#work, [...devices])
        if (rollouts) this.#isEager = true
    }

    async #pushAll(): Promise<void> {
        const { store } = this.#work
        for await (const page of pagesOf(after => store.read.releases.list({ after, limit: PAGE, app: null }), idOf))
            for (const { id } of page) await noting(this.#work, `release ${id}`, async () => void (await pushRelease(this.#work, id)))
        for await (const page of pagesOf(after => store.read.devices.list({ after, limit: PAGE }), idOf)) await pushDevices(this.#work, page.map(idOf))
        for (const { id } of await store.read.rollouts.inStates(["running"])) this.#wanted.add(id)
    }
}

interface Subjects {
    readonly releases: Set<string>
    readonly devices: Set<string>
    readonly rollouts: boolean
}

const OF_DEVICES = /^(device\.(created|removed|changed|actual|desired|status|blocked)|command\.)/

function subjectsOf(events: readonly StoredEvent[]): Subjects {
    const releases = new Set<string>()
    const devices = new Set<string>()
    let rollouts = false
    for (const { type, deviceId, data } of events) {
        if (type === "release.created" || type === "artifact.added") releases.add(String(data.release))
        else if (type === "rollout.changed") rollouts = true
        else if (deviceId !== null && OF_DEVICES.test(type)) devices.add(deviceId)
    }
    return { releases, devices, rollouts }
}
