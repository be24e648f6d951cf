/**
 * What a status post of a board does to its command: a pure function.
 *
 * The board has the last word: an end that the cloud made up (expired) gives way to
 * the end that the board reports, and a success to a later rollback. An end that the
 * board reported itself does not change otherwise.
 */
import type { CommandState, DeviceState } from "../device-state.ts"
import { isFinal } from "../device-state.ts"

export interface CommandNow {
    readonly kind: string
    readonly state: string
    readonly cancelling: boolean
}

export interface Transition {
    /** The command's state after the report; the same as before when nothing changes. */
    readonly state: CommandState
    readonly finished: boolean
    /** The release is not offered to this board again. */
    readonly blocks: boolean
}

export function transition(command: CommandNow, reported: DeviceState): Transition {
    const now = command.state as CommandState
    const to = (state: CommandState, blocks = false): Transition => ({ state, finished: isFinal(state), blocks })
    if (command.kind === "check") return isFinal(now) ? to(now) : to("succeeded")
    // A board that goes back to its base ends well or not at all; what it gave up on the way was another command's.
    if (command.kind === "revert" && reported === "rolledBack") return to(now)

    if (isFinal(now)) {
        const regressed = now === "succeeded" && reported === "rolledBack"
        if (regressed) return to("rolledBack", true)
        if (now !== "expired") return to(now)
    }
    switch (reported) {
        case "checking":
        case "downloading":
        case "ready":
        case "trial":
            return now === "expired" ? to("expired") : to("running")
        case "confirmed":
            return to("succeeded")
        case "rolledBack":
            return to("rolledBack", true)
        case "failed":
            return command.cancelling ? to("cancelled") : to("failed", true)
        case "idle":
            if (command.cancelling && !isFinal(now)) return to("cancelled")
            return to(now)
    }
}
