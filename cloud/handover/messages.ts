/**
 * What the two servers of a handover tell each other. `B` is the body of a session:
 * whatever a server needs to go on serving its client.
 *
 * Every message may be lost, repeated, late or out of order; each names its session
 * and epoch (or its handover), and says the same however often it is said.
 */
export type ServerName = string
export type SessionName = string

/** A session's body at one moment. Another body has another version. */
export interface Snapshot<B> {
    readonly version: number
    /** Left out when the other side has this version already, or another one (`since`). */
    readonly body?: B
    /** What makes this version of the one that was copied; a server that does not know of it asks for all. */
    readonly since?: { readonly version: number; readonly rest: unknown }
}

export type SessionMessage<B> =
    /** Give me the session. `epoch` null = whichever it is at. `have`: the version that was copied before. */
    | { readonly kind: "pull"; readonly session: SessionName; readonly epoch: number | null; readonly have: number | null }
    /** It is yours from `epoch` on; mine ended with the epoch before. */
    | { readonly kind: "state"; readonly session: SessionName; readonly epoch: number; readonly snapshot: Snapshot<B> }
    /** Not given: `asked` is not the epoch that I can give. */
    | { readonly kind: "refused"; readonly session: SessionName; readonly asked: number | null }
    /** I never had it and, from `epoch` on, it is yours again. */
    | { readonly kind: "never"; readonly session: SessionName; readonly epoch: number }
    /** I serve it: you need not keep its state any longer. */
    | { readonly kind: "moved"; readonly session: SessionName; readonly epoch: number }

export type HandoverMessage<B> =
    | { readonly kind: "prepare"; readonly handover: string; readonly key: string; readonly sessions: number }
    | { readonly kind: "ready"; readonly handover: string }
    | {
          readonly kind: "copy"
          readonly handover: string
          readonly part: number
          readonly copies: readonly { readonly session: SessionName; readonly snapshot: Snapshot<B> }[]
      }
    /** `kept`: those of the part that are there now; a version that does not say has all of them, as far as is known. */
    | { readonly kind: "copied"; readonly handover: string; readonly part: number; readonly kept?: readonly SessionName[] }
    /** All sessions are yours; take what is not a session's: operators, controllers, listeners. */
    | { readonly kind: "finish"; readonly handover: string }
    | { readonly kind: "finished"; readonly handover: string }
    | { readonly kind: "abort"; readonly handover: string }
    | { readonly kind: "aborted"; readonly handover: string }

export type Message<B> = SessionMessage<B> | HandoverMessage<B>
