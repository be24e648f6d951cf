/**
 * What the other server derives devices' secrets from, at the server that takes over: devices are
 * told the same ones. Until the handover is over it may have to be forgotten again.
 */
import type { RunningWork } from "../../running-work.ts"
import type { ServerSecret } from "../../server-secret.ts"
import type { Store } from "../../store/store.ts"
import { rootOf } from "./asking.ts"
import type { Peer } from "./exchange.ts"

/** What it is wrapped for; no device has such a name. */
const SECRET_OF = "~handover"
const NOTE = "secret"
/** What was there before, and for which handover it gave way; only until that is over. */
const BEFORE_NOTE = "secretBefore"

interface Before {
    readonly handover: string
    readonly wrapped: string | null
}

export class Inheritance {
    readonly #store: Store
    readonly #secret: ServerSecret
    readonly #work: RunningWork
    readonly #onError: (error: unknown) => void
    #undo: { readonly handover: string; inMemory(): void } | undefined

    constructor(store: Store, secret: ServerSecret, work: RunningWork, onError: (error: unknown) => void) {
        this.#store = store
        this.#secret = secret
        this.#work = work
        this.#onError = onError
    }

    /** After a start; what was taken for a handover that never began, or was aborted, is forgotten by `undo`. */
    async recall(): Promise<void> {
        const { handover } = this.#store.read
        const [noted, now] = [await handover.note(BEFORE_NOTE), await handover.note(NOTE)]
        const before = noted === undefined ? undefined : (JSON.parse(noted) as Before)
        if (before != null && before.wrapped !== null) this.#inherit(before.wrapped)
        const inMemory = now === undefined ? () => {} : this.#inherit(now)
        if (before !== undefined) this.#undo = { handover: before.handover, inMemory }
    }

    /** Asks current with the handover's key, unless it is of a version that told it by itself. */
    async take(handover: string, peer: Peer, told: string | undefined): Promise<void> {
        const root = told ?? (await rootOf(peer, this.#work.signal))
        if (root === undefined) return
        const bytes = Buffer.from(root, "hex")
        await this.#store.write(async repos => {
            const before: Before = { handover, wrapped: (await repos.handover.note(NOTE)) ?? null }
            await repos.handover.setNote(BEFORE_NOTE, JSON.stringify(before))
            await repos.handover.setNote(NOTE, this.#secret.wrap(SECRET_OF, bytes))
        })
        this.#undo = { handover, inMemory: this.#secret.inherit(bytes) }
    }

    /** The handover is over: it stays. */
    keep(handover: string): void {
        if (this.#undo?.handover !== handover) return
        this.#undo = undefined
        this.#write(handover, async repos => repos.setNote(BEFORE_NOTE, null))
    }

    /** Devices are, and stay, with the server whose secrets these are. `but`: not when they were taken for this handover. */
    undo(but?: string): void {
        if (this.#undo === undefined || this.#undo.handover === but) return
        const { handover, inMemory } = this.#undo
        inMemory()
        this.#undo = undefined
        this.#write(handover, async (repos, { wrapped }) => {
            await repos.setNote(NOTE, wrapped)
            await repos.setNote(BEFORE_NOTE, null)
        })
    }

    #inherit(wrapped: string): () => void {
        return this.#secret.inherit(this.#secret.unwrap(SECRET_OF, wrapped))
    }

    /** Tried again until the store takes it; by then the note may be a later handover's, which is not touched. */
    #write(of: string, change: (repos: Store["read"]["handover"], before: Before) => Promise<void>): void {
        const write = (): Promise<void> =>
            this.#store.write(async ({ handover: repos }) => {
                const noted = await repos.note(BEFORE_NOTE)
                const before = noted === undefined ? undefined : (JSON.parse(noted) as Before)
                if (before?.handover === of) await change(repos, before)
            })
        this.#work.begin(() => this.#work.insist(write, this.#onError), this.#onError)
    }
}
