/**
 * What hawkBit has to hear about one device: a pure function of what is wanted and known here, and
 * of what hawkBit was told before.
 */
import type { SyncState } from "../controller/decide.ts"
import type { HawkbitAction } from "../store/hawkbit.ts"
import { isOver } from "../store/hawkbit.ts"
import type { DeviceView } from "../store/views.ts"
import type { Execution, Result } from "./remote.ts"

export type NextStep =
    | { readonly kind: "rest" }
    /** Nothing is wanted any more. */
    | { readonly kind: "cancel" }
    /** `offline`: the device has it already; hawkBit notes that without an action. */
    | { readonly kind: "assign"; readonly releaseId: string; readonly offline: boolean }
    /** The action there is the one for this ask. */
    | { readonly kind: "link" }
    | { readonly kind: "say"; readonly execution: Execution; readonly result: Result; readonly said: string }
    /** It had confirmed, and gave it up later: hawkBit is told what it runs again. */
    | { readonly kind: "correct" }

const REST: NextStep = { kind: "rest" }

export function nextStep(view: DeviceView, sync: SyncState, action: HawkbitAction | undefined): NextStep {
    const { releaseId, generation } = view
    if (releaseId === null || generation === null) {
        // One that hawkBit has begun waits for our rules.
        return action === undefined || action.generation === null ? REST : { kind: "cancel" }
    }
    const isSame = action !== undefined && action.releaseId === releaseId
    if (!isSame) {
        // What is wanted now is older than what hawkBit has begun: it is about to be granted.
        if (action !== undefined && action.generation === null && !isOver(action)) return REST
        return { kind: "assign", releaseId, offline: sync === "converged" }
    }
    if (action.generation !== Number(generation)) {
        // Asked again, and done before hawkBit heard of it: an action that ended badly is not the one, a new one is to end well.
        if (!isOver(action) || (sync === "converged" && action.said === "success")) return { kind: "link" }
        return { kind: "assign", releaseId, offline: false }
    }
    if (isOver(action)) return action.said === "success" && sync === "blocked" ? { kind: "correct" } : REST
    return saying(view, sync, action)
}

function saying(view: DeviceView, sync: SyncState, action: HawkbitAction): NextStep {
    switch (sync) {
        case "converged":
            return { kind: "say", execution: "closed", result: "success", said: "success" }
        case "blocked":
        case "gaveUp":
            return { kind: "say", execution: "closed", result: "failure", said: "failure" }
        case "updating":
            return view.commandState === "running" && action.said === "" ? { kind: "say", execution: "proceeding", result: "none", said: "proceeding" } : REST
        default:
            return REST
    }
}
