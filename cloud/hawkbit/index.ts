/** hawkBit behind a server: put together in two steps, because the store is needed before what works on it. */
import { randomBytes } from "node:crypto"
import type { Logger } from "pino"
import type { Clock } from "../clock.ts"
import type { Controller } from "../controller/controller.ts"
import type { ControllerPolicy } from "../controller/decide.ts"
import type { RolloutRunner } from "../rollouts/runner.ts"
import type { BlobPlace } from "../store/blobs.ts"
import type { Store } from "../store/store.ts"
import { HawkbitBlobs } from "./blobs.ts"
import type { HawkbitHealth } from "./health.ts"
import { Health } from "./health.ts"
import { HawkbitHttp } from "./http.ts"
import type { HawkbitOptions } from "./options.ts"
import { Remote } from "./remote.ts"
import { HawkbitStore } from "./store.ts"
import { HawkbitSync } from "./sync.ts"
import type { Figures } from "./work.ts"

export interface HawkbitFigures extends Figures {
    readonly requests: number
    readonly failures: number
}

export class Hawkbit {
    readonly store: HawkbitStore
    readonly place: BlobPlace
    readonly #options: HawkbitOptions
    readonly #copies: BlobPlace
    readonly #http: HawkbitHttp
    readonly #remote: Remote
    readonly #health: Health
    readonly #log: Logger
    readonly #now: Clock
    readonly #figures: Figures = { feedbacks: 0, assignments: 0, adopted: 0, artifactReads: 0, resyncs: 0 }
    #sync: HawkbitSync | undefined

    private constructor(options: HawkbitOptions, inner: Store, copies: BlobPlace, tokenKey: string, log: Logger, now: Clock) {
        this.#options = options
        this.#copies = copies
        this.#log = log
        this.#now = now
        this.#http = new HawkbitHttp(options)
        this.#remote = new Remote(this.#http, options, tokenKey)
        this.#health = new Health(Date.now, Math.min(options.pollMs, 1_000))
        this.store = new HawkbitStore({ inner, health: this.#health, patienceMs: options.patienceMs, now: Date.now, onWanted: id => this.#sync?.want(id) })
        this.place = new HawkbitBlobs(copies, { store: this.store, remote: this.#remote, options, figures: this.#figures })
    }

    static async open(options: HawkbitOptions, inner: Store, copies: BlobPlace, log: Logger, now: Clock): Promise<Hawkbit> {
        const tokenKey = await inner.write(async repos => {
            await repos.hawkbit.ensure()
            const known = await repos.hawkbit.note("tokenKey")
            if (known !== undefined) return known
            const made = randomBytes(32).toString("hex")
            await repos.hawkbit.setNote("tokenKey", made)
            return made
        })
        return new Hawkbit(options, inner, copies, tokenKey, log, now)
    }

    /** Makes the part that works by itself. */
    connect({ controller, runner, policy }: { controller: Controller; runner: RolloutRunner; policy: ControllerPolicy }): HawkbitSync {
        this.#sync = new HawkbitSync({
            store: this.store,
            remote: this.#remote,
            controller,
            runner,
            policy,
            options: this.#options,
            place: this.#copies,
            health: this.#health,
            figures: this.#figures,
            log: this.#log,
            now: this.#now,
            again: new Set(),
        })
        return this.#sync
    }

    get health(): HawkbitHealth {
        return this.store.leads ? this.#health.report : { ...this.#health.report, state: "follows" }
    }

    get figures(): HawkbitFigures {
        return { ...this.#figures, ...this.#http.figures }
    }

    async close(): Promise<void> {
        await this.#sync?.close()
        this.#http.close()
    }
}
