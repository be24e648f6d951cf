/**
 * What a poll's answer can carry besides a command: the signer's statements, the device's next token and
 * the interval for plain polls.
 * A device that says nothing of statements (`fr`, `rv` in its poll) is not sent any.
 */
import type { ServerSecret } from "../server-secret.ts"
import type { StatementRow } from "../store/schema.ts"
import type { Store } from "../store/store.ts"

/** What does not show an effect is said again after this time. */
const REPEAT_MS = 60_000
/** The interval, of which no effect is seen: the answer may have been lost, the board may have restarted. */
const REPEAT_POLL_MS = 3_600_000

/** What a session remembers for it. */
export interface ExtrasState {
    /** Issue time of the newest freshness that the device has; undefined = it does not take any. */
    freshAt: number | undefined
    /** First 8 digits of the digest of the key that it has revoked, or "". */
    revoked: string
    nextToken: string | null
    /** When each may be said again. */
    readonly againAtMs: { [what: string]: number }
}

export const noExtras = (): ExtrasState => ({ freshAt: undefined, revoked: "", nextToken: null, againAtMs: {} })

export class Extras {
    readonly #store: Store
    readonly #secret: ServerSecret
    readonly #pollMs: number | null
    #freshByBase = new Map<string, StatementRow>()
    #revocations: StatementRow[] = []

    private constructor(store: Store, secret: ServerSecret, pollMs: number | null) {
        this.#store = store
        this.#secret = secret
        this.#pollMs = pollMs
    }

    /** @param pollMs interval for plain polls, told to each device when it first polls here; null = the device's own */
    static async open(store: Store, secret: ServerSecret, pollMs: number | null, onError: (error: unknown) => void): Promise<Extras> {
        const extras = new Extras(store, secret, pollMs)
        await extras.reload()
        store.onEvents(events => {
            if (events.some(event => event.type === "statement.added")) extras.reload().catch(onError)
        })
        return extras
    }

    async reload(): Promise<void> {
        const fresh = new Map<string, StatementRow>()
        const revocations: StatementRow[] = []
        for (const row of await this.#store.read.statements.list()) {
            if (row.kind === "revoke") revocations.push(row)
            else if (Number(row.issuedAtUnixS) > Number(fresh.get(row.subject)?.issuedAtUnixS ?? 0)) fresh.set(row.subject, row)
        }
        this.#freshByBase = fresh
        this.#revocations = revocations
    }

    /** The device's token that waits for its first use. */
    async nextToken(deviceId: string): Promise<string | null> {
        const row = await this.#store.read.tokens.pendingOf(deviceId)
        return row === undefined ? null : this.#secret.tokenOf(row.id, row.hash)
    }

    /** Fields to add to the answer, noted as said; null = none. */
    take(state: ExtrasState, baseId: string | undefined, nowMs: number): Record<string, unknown> | null {
        let fields: Record<string, unknown> | null = null
        const say = (field: string, what: string, value: unknown, repeatMs = REPEAT_MS): void => {
            if (nowMs < (state.againAtMs[what] ?? 0)) return
            state.againAtMs[what] = nowMs + repeatMs
            fields = { ...fields, [field]: value }
        }
        if (this.#pollMs !== null) say("pollMs", "pollMs", this.#pollMs, REPEAT_POLL_MS)
        if (state.nextToken !== null) say("token", "token", state.nextToken)
        if (state.freshAt === undefined) return fields
        const fresh = baseId === undefined ? undefined : this.#freshByBase.get(baseId)
        if (fresh !== undefined && Number(fresh.issuedAtUnixS) > state.freshAt) say("fresh", fresh.id, signed(fresh))
        const revocation = this.#revocations.find(row => !row.subject.startsWith(state.revoked || "-") && nowMs >= (state.againAtMs[row.id] ?? 0))
        if (revocation !== undefined) say("revoke", revocation.id, signed(revocation))
        return fields
    }
}

const signed = (row: StatementRow) => ({ m: row.manifest, sig: row.signatureDigest, sigLen: Number(row.signatureSizeBytes) })
