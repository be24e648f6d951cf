/** The side that takes: absent (or given) → pulling → installing → serving; and what refuses to be taken. */
import { serving } from "./current.ts"
import type { SessionMessage } from "./messages.ts"
import type { Effect, SessionContext, SessionEvent, SessionState, Step } from "./session.ts"
import { ABSENT } from "./session.ts"

type Taking<B> = Exclude<SessionState<B>, { at: "serving" | "offered" | "bumping" | "freezing" | "releasing" }>

export function stepNext<B>(state: Taking<B>, event: SessionEvent<B>, context: SessionContext): Step<B> {
    const { nowMs, timings, session, shared } = context
    switch (event.kind) {
        case "attach":
            if (state.at === "pulling" && event.epoch !== null && event.epoch !== state.epoch) return state.recall ? [state, []] : pull(state.given, event.epoch, event.have, false)
            if (state.at !== "absent" && state.at !== "given") return [state, []]
            return pull(state.at === "given" ? state : null, event.epoch, event.have, event.recall)
        case "installed":
            if (state.at !== "installing") return [state, []]
            return [
                serving(state.epoch),
                [{ kind: "send", message: { kind: "moved", session, epoch: state.epoch } }, { kind: "resolved" }],
            ]
        case "fenced":
            if (state.at !== "fencing") return [state, []]
            return [
                { at: "given", epoch: state.epoch, kept: null, sayAtMs: nowMs },
                [{ kind: "send", message: { kind: "never", session, epoch: state.epoch } }, { kind: "sendBack" }],
            ]
        case "retaken":
            return state.at !== "retaking" ? [state, []] : [serving(state.epoch), [{ kind: "resolved" }]]
        case "seized":
            // Also when it was given up meanwhile: the store has made it ours, and nobody else serves it.
            if (state.at !== "pulling" && state.at !== "absent" && (state.at !== "given" || event.epoch <= state.epoch)) return [state, []]
            return [serving(event.epoch), [{ kind: "send", message: { kind: "moved", session, epoch: event.epoch } }, { kind: "resolved" }]]
        // What arrived was older than what our own store has.
        case "stale":
            return [event.now, [{ kind: "resolved" }]]
        case "tick":
            if (state.at !== "pulling") return [state, []]
            if (nowMs >= state.sinceMs + timings.pullMs) {
                if (shared) return [{ ...state, sinceMs: nowMs }, [{ kind: "seize" }]]
                // What was given is asked back for as long as it takes: its owner alone can say where it is.
                if (!state.recall) return giveUp(state)
            }
            if (nowMs < state.askAtMs) return [state, []]
            return [{ ...state, askAtMs: nowMs + timings.retryMs }, [ask(state.epoch, state.have)]]
        case "message":
            return onMessage(state, event.message)
        default:
            return [state, []]
    }

    function pull(given: Extract<SessionState<B>, { at: "given" }> | null, epoch: number | null, have: number | null, recall: boolean): Step<B> {
        return [{ at: "pulling", epoch, have, sinceMs: nowMs, askAtMs: nowMs + timings.retryMs, given, recall }, [ask(epoch, have)]]
    }

    function ask(epoch: number | null, have: number | null): Effect<B> {
        return { kind: "send", message: { kind: "pull", session, epoch, have } }
    }

    function giveUp(state: Extract<SessionState<B>, { at: "pulling" }>): Step<B> {
        return [state.given ?? ABSENT, [{ kind: "sendBack" }]]
    }

    function onMessage(state: Taking<B>, message: SessionMessage<B>): Step<B> {
        switch (message.kind) {
            case "state": {
                const above = state.at === "absent" || (state.at === "given" && message.epoch > state.epoch) || (state.at === "pulling" && message.epoch > (state.given?.epoch ?? 0))
                if (!above) return [state, []]
                // What was left out could not be made of a copy.
                if (message.snapshot.body === undefined) return [state, [ask(message.epoch - 1, null)]]
                return [{ at: "installing", epoch: message.epoch }, [{ kind: "install", epoch: message.epoch, snapshot: message.snapshot }]]
            }
            case "refused":
                return state.at === "pulling" && message.asked === state.epoch && !state.recall ? giveUp(state) : [state, []]
            case "never":
                if (state.at !== "pulling" || state.given === null || message.epoch !== state.given.epoch + 1) return [state, []]
                // Without the kept state the other one must have served it: its word cannot be.
                if (state.given.kept === null) return [state, []]
                return [
                    { at: "retaking", epoch: message.epoch, given: state.given },
                    [{ kind: "retake", epoch: message.epoch, snapshot: state.given.kept }],
                ]
            case "pull":
                return onPull(state, message.epoch)
            default:
                return [state, []]
        }
    }

    /** The giver asks for what it gave: it arrived here never, and must not any more. */
    function onPull(state: Taking<B>, epoch: number | null): Step<B> {
        if (state.at !== "absent" && state.at !== "pulling") return [state, []]
        if (epoch === null) return [state, state.at === "pulling" ? [] : [{ kind: "send", message: { kind: "refused", session, asked: null } }]]
        if (state.at === "pulling" && state.recall) return [state, []]
        return [{ at: "fencing", epoch: epoch + 1 }, [{ kind: "fence", epoch: epoch + 1 }]]
    }
}
