/** The side that gives: serving → offered → freezing → releasing → given. */
import type { SessionMessage, Snapshot } from "./messages.ts"
import type { Effect, Given, SessionContext, SessionEvent, SessionState, Step } from "./session.ts"

type Giving<B> = Extract<SessionState<B>, { at: "serving" | "offered" | "bumping" | "freezing" | "releasing" | "given" }>

export function stepCurrent<B>(state: Giving<B>, event: SessionEvent<B>, context: SessionContext): Step<B> {
    const { nowMs, timings, session, giving, shared } = context
    switch (event.kind) {
        case "offer":
            return state.at === "serving" || state.at === "offered" ? [{ at: "offered", epoch: state.epoch, untilMs: event.untilMs }, []] : [state, []]
        case "withdraw":
            return state.at === "offered" ? [{ at: "bumping", epoch: state.epoch }, [{ kind: "bump", epoch: state.epoch }]] : [state, []]
        case "bumped":
            return state.at === "bumping" ? [serving(state.epoch + 1), [{ kind: "resolved" }]] : [state, []]
        case "quiet":
            if (state.at !== "freezing") return [state, []]
            return [{ ...state, at: "releasing" }, [{ kind: "release", epoch: state.epoch, snapshot: event.snapshot }]]
        case "released":
            return state.at === "releasing" ? given(state, event.snapshot) : [state, []]
        // Somebody took it meanwhile (a shared store).
        case "stale":
            return [event.now, [{ kind: "resolved" }]]
        case "tick":
            return tick(state)
        case "message":
            return onMessage(state, event.message)
        default:
            return [state, []]
    }

    function given(from: { epoch: number; have: number | null }, kept: Snapshot<B>): Step<B> {
        const next: Given<B> = { at: "given", epoch: from.epoch + 1, kept, sayAtMs: nowMs + timings.retryMs }
        return [next, [say(session, next, from.have), { kind: "resolved" }]]
    }

    function tick(state: Giving<B>): Step<B> {
        if (state.at === "offered" && nowMs >= state.untilMs) return [serving(state.epoch), shared ? [{ kind: "look" }] : []]
        if (state.at === "freezing" && nowMs >= state.sinceMs + timings.freezeMs) return [serving(state.epoch), [{ kind: "resolved" }]]
        // The state may have been lost on its way: it is said until the other server serves.
        if (state.at === "given" && state.kept !== null && nowMs >= state.sayAtMs)
            return [{ ...state, sayAtMs: nowMs + 4 * timings.retryMs }, [say(session, state, null)]]
        return [state, []]
    }

    function onMessage(state: Giving<B>, message: SessionMessage<B>): Step<B> {
        switch (message.kind) {
            case "pull":
                return onPull(state, message.epoch, message.have)
            case "moved":
                if (shared && state.at !== "given" && message.epoch > state.epoch) return [state, [{ kind: "look" }]]
                if (state.at !== "given" || state.epoch !== message.epoch) return [state, []]
                return [{ ...state, kept: null }, state.kept === null ? [] : [{ kind: "settle", epoch: state.epoch }]]
            // The giver did not hear that we serve.
            case "state":
                if (message.epoch > state.epoch) return [state, []]
                return [state, [{ kind: "send", message: { kind: "moved", session, epoch: message.epoch } }]]
            default:
                return [state, []]
        }
    }

    function onPull(state: Giving<B>, epoch: number | null, have: number | null): Step<B> {
        if (state.at === "given") {
            // The first answer was lost: the same again.
            if (state.kept !== null && (epoch === null || epoch === state.epoch - 1)) return [state, [say(session, state, have)]]
            // Fenced before a restart, and the answer was not sent. Had it been served here, the asker would have kept nothing.
            if (epoch === state.epoch - 1) return [state, [{ kind: "send", message: { kind: "never", session, epoch: state.epoch } }]]
            return [state, [refuse(epoch)]]
        }
        if (state.at !== "serving" && state.at !== "offered") return [state, []]
        if (epoch !== null && epoch !== state.epoch) return [state, [refuse(epoch)]]
        if (!giving) return [state, [refuse(epoch)]]
        return [{ at: "freezing", epoch: state.epoch, have, sinceMs: nowMs }, [{ kind: "freeze" }]]
    }

    function refuse(asked: number | null): Effect<B> {
        return { kind: "send", message: { kind: "refused", session, asked } }
    }
}

export const serving = (epoch: number) => ({ at: "serving", epoch }) as const

function say<B>(session: string, { epoch, kept }: Given<B>, have: number | null): Effect<B> {
    const version = kept?.version ?? 0
    const snapshot = kept !== null && have !== version ? kept : { version }
    return { kind: "send", message: { kind: "state", session, epoch, snapshot }, have }
}
