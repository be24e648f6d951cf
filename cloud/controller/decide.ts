/**
 * The DFU controller's judgement on one device: a pure function of what the store
 * says and the time.
 *
 * ```
 *              grant                deliver             first status
 *  (nothing) ────────▶ queued ─────────────▶ delivered ─────────────▶ running
 *                         │ superseded            │ expired               │ succeeded · failed · rolledBack
 *                         ▼                       ▼                       ▼ cancelled · expired
 *                                            (finished)
 * ```
 * Invariants:
 * 1. At most one command of a device is open.
 * 2. An ask (a generation of `desired`) is granted once; only a time-out grants it
 *    again, with the next attempt number, `maxAttempts` times in all.
 * 3. What the board said about a release (failed, rolled back) blocks the release for
 *    that board; nothing here lifts a block.
 * 4. A command never waits for a deadline before it was delivered: a board may be away
 *    for as long as it likes.
 */
import { isBusy, isFinal } from "../device-state.ts"
import type { CommandState } from "../device-state.ts"
import type { DeviceView } from "../store/views.ts"

export interface ControllerPolicy {
    /** From delivery, or from the last status, to giving a command up. */
    readonly commandTimeoutMs: number
    /** How long a board may take to end a command that was cancelled. */
    readonly cancelTimeoutMs: number
    readonly maxAttempts: number
    /** Before the second attempt; doubles with each one. */
    readonly retryDelayMs: number
}

/** Why a device is, or is not, on its way; shown to the operator as `sync.state`. */
export type SyncState =
    | "unmanaged"
    | "unknown"
    | "converged"
    | "updating"
    | "cancelling"
    | "blocked"
    | "noArtifact"
    | "noPermission"
    | "gaveUp"
    | "retrying"
    | "pending"

export type Decision =
    | { readonly kind: "rest"; readonly sync: SyncState }
    | {
          readonly kind: "grant"
          readonly sync: "pending"
          readonly command: "update" | "revert"
          readonly attempt: number
          /** The board has run a later sequence: it is told with the signer's permission. */
          readonly downgrade: boolean
      }
    | { readonly kind: "regress"; readonly sync: "blocked"; readonly commandId: string }
    | { readonly kind: "cancel"; readonly sync: "cancelling"; readonly commandId: string }
    | {
          readonly kind: "finish"
          readonly sync: "updating" | "cancelling"
          readonly commandId: string
          readonly state: CommandState
          readonly code: string | null
          /** Look at the device again with this command out of the way. */
          readonly again: boolean
          readonly retryAtMs: number | null
      }

export function decide(view: DeviceView, nowMs: number, policy: ControllerPolicy): Decision {
    if (view.commandId !== null && view.commandState !== null && !isFinal(view.commandState))
        return decideOpen(view, view.commandId, nowMs, policy)
    return decideIdle(view, nowMs, policy)
}

function decideIdle(view: DeviceView, nowMs: number, policy: ControllerPolicy): Decision {
    if (view.releaseId === null) return rest("unmanaged")
    if (view.actualVersion === null) return rest("unknown")
    if (isThere(view)) return rest("converged")
    if (view.blockReason !== null) return rest("blocked")
    // It had confirmed the release and gave it up later, and its status about that was lost.
    if (view.actualState === "rolledBack" && view.succeededCommandId !== null)
        return { kind: "regress", sync: "blocked", commandId: view.succeededCommandId }
    const older = !view.wantsBase && (view.artifactSequence ?? 0) < (view.actualSequence ?? 0)
    if (!view.wantsBase && view.artifactBaseId === null) return rest("noArtifact")
    if (older && !view.mayDowngrade) return rest("noPermission")
    if (view.attempts >= policy.maxAttempts) return rest("gaveUp")
    if (view.retryAtMs !== null && view.retryAtMs > nowMs) return rest("retrying")
    return {
        kind: "grant",
        sync: "pending",
        command: view.wantsBase ? "revert" : "update",
        attempt: view.attempts + 1,
        downgrade: older,
    }
}

/** Whether the device runs what is wanted of it. */
export const isThere = (view: DeviceView): boolean =>
    view.wantsBase ? runsBase(view) : view.actualVersion === view.version

/** Bank R alone is not enough: an image that is not in a bank yet runs "in" R too. */
export const runsBase = (view: Pick<DeviceView, "actualBank" | "actualSequence">): boolean =>
    view.actualBank === "R" && view.actualSequence === 0

function decideOpen(view: DeviceView, commandId: string, nowMs: number, policy: ControllerPolicy): Decision {
    const finish = (state: CommandState, code: string | null, retryAtMs: number | null = null): Decision => ({
        kind: "finish",
        sync: view.commandCancelAtMs === null ? "updating" : "cancelling",
        commandId,
        state,
        code,
        again: true,
        retryAtMs,
    })

    const seen = outcomeSeenInActual(view)
    if (seen !== null) return finish(seen, null)

    const late = view.commandDeadlineAtMs !== null && view.commandDeadlineAtMs <= nowMs
    if (view.commandKind === "check") return late ? finish("expired", "HOV_CLOUD_TIMEOUT") : rest("updating")

    const wanted = view.releaseId === view.commandReleaseId
    // A cold one brings another base: on its way the board may say that it runs that, or the one before.
    const fits = view.actualBaseId === null || view.actualBaseId === view.commandBaseId || view.commandIsCold
    if (view.commandState === "queued" && (!wanted || !fits)) return finish("superseded", null)

    if (view.commandCancelAtMs !== null) {
        if (nowMs < view.commandCancelAtMs + policy.cancelTimeoutMs) return rest("cancelling")
        return finish("cancelled", "HOV_CLOUD_CANCEL_UNANSWERED")
    }
    if (!wanted || !fits) return { kind: "cancel", sync: "cancelling", commandId }
    if (!late) return rest("updating")
    const mayRetry = view.attempts < policy.maxAttempts
    const delayMs = policy.retryDelayMs * 2 ** Math.max(0, view.attempts - 1)
    return finish("expired", "HOV_CLOUD_TIMEOUT", mayRetry ? nowMs + delayMs : null)
}

/**
 * A status post may be lost with the board's power; its next poll still tells how the
 * command ended. A rolled back or failed report counts only after the board had
 * acknowledged this command: before that it speaks of an earlier one.
 */
function outcomeSeenInActual(view: DeviceView): CommandState | null {
    if (view.commandKind === "check" || view.actualState === null) return null
    if (view.commandKind === "revert") {
        if (runsBase(view) && !isBusy(view.actualState)) return "succeeded"
        return view.commandAckedAtMs !== null && view.actualState === "failed" ? "failed" : null
    }
    const runsIt = view.actualVersion === view.commandVersion && (view.actualBaseId === view.commandBaseId || view.commandIsCold)
    if (runsIt && (view.actualState === "confirmed" || view.actualState === "idle")) return "succeeded"
    if (view.commandAckedAtMs === null || runsIt) return null
    if (view.actualState === "rolledBack") return "rolledBack"
    if (view.actualState === "failed") return view.commandCancelAtMs === null ? "failed" : "cancelled"
    return null
}

const rest = (sync: SyncState): Decision => ({ kind: "rest", sync })
