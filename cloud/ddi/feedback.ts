/** DDI's feedback in the words of the device API: a pure translation. */
import type { DeviceState } from "../device-state.ts"

export const EXECUTIONS = ["closed", "proceeding", "download", "downloaded", "canceled", "scheduled", "rejected", "resumed"] as const
export const RESULTS = ["success", "failure", "none"] as const

export interface Feedback {
    readonly status: {
        readonly execution: (typeof EXECUTIONS)[number]
        readonly result?: {
            readonly finished?: (typeof RESULTS)[number]
            readonly progress?: { readonly cnt?: number; readonly of?: number }
        }
        readonly code?: number
        readonly details?: readonly string[] | string | null
    }
}

export interface Step {
    readonly state: DeviceState
    readonly code?: string
    readonly diag?: Record<string, unknown>
}

const DETAILS_MAX = 8
const DETAIL_MAX_CHARS = 200

/** What a feedback about a deployment says; `rejected` is a warning in hawkBit, and the deployment goes on. */
export function deploymentStep(feedback: Feedback): Step {
    const { execution, result } = feedback.status
    switch (execution) {
        case "closed":
            return result?.finished === "failure" ? { state: "failed", code: "HOV_DDI_FAILURE", ...diagnosis(feedback) } : { state: "confirmed" }
        case "canceled":
            return { state: "failed", code: "HOV_DDI_CANCELED", ...diagnosis(feedback) }
        case "downloaded":
            return { state: "ready" }
        default:
            return { state: "downloading" }
    }
}

/** What a feedback about a cancellation says; null: the device goes on with the update. */
export function cancelStep({ status }: Feedback): Step | null {
    if (status.execution === "canceled") return { state: "idle" }
    if (status.execution !== "closed") return null
    return status.result?.finished === "failure" ? null : { state: "idle" }
}

function diagnosis({ status }: Feedback): { diag?: Record<string, unknown> } {
    const details = status.details == null ? [] : typeof status.details === "string" ? [status.details] : status.details
    if (details.length === 0 && status.code === undefined) return {}
    const said = details.slice(-DETAILS_MAX).map(line => line.slice(0, DETAIL_MAX_CHARS))
    return { diag: { kind: "ddi", details: said, ...(status.code === undefined ? {} : { status: status.code }) } }
}
