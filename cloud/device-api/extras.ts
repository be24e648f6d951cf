/**
 * What a poll's answer can carry besides a command: the signer's statements and the device's next token.
 * A device that says nothing of statements (`fr`, `rv` in its poll) is not sent any.
 */
import type { ServerSecret } from "../server-secret.ts"
import type { StatementRow } from "../store/schema.ts"
import type { Store } from "../store/store.ts"

/** What does not show an effect is said again after this time. */
const REPEAT_MS = 60_000

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
    #freshByBase = new Map<string, StatementRow>()
    #revocations: StatementRow[] = []

    private constructor(store: Store, secret: ServerSecret) {
        this.#store = store
        this.#secret = secret
    }

    static async open(store: Store, secret: ServerSecret, onError: (error: unknown) => void): Promise<Extras> {
        const extras = new Extras(store, secret)
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
        return row === undefined ? null : this.#secret.tokenOf(row.id)
    }

    /** Fields to add to the answer, noted as said; null = none. */
    take(state: ExtrasState, baseId: string | undefined, nowMs: number): Record<string, unknown> | null {
        let fields: Record<string, unknown> | null = null
        const say = (field: string, what: string, value: unknown): void => {
            if (nowMs < (state.againAtMs[what] ?? 0)) return
            state.againAtMs[what] = nowMs + REPEAT_MS
            fields = { ...fields, [field]: value }
        }
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
