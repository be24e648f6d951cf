import { Reason } from "../hotswap"
import { indexIn } from "../hotswap/plain"

/** What a handler of `onActivate` is told. */
export interface Activation {
    /**
     * "boot": the program starts with an image; "hot": a newer one came under the running program; "rollback": the way back
     * to what ran before, or to the base.
     */
    reason: Reason
    /** Version that ran before. */
    from: string
    to: string
}

type ActivationHandler = (activation: Activation) => Promise<void> | void

let handlers: ActivationHandler[]
let atBoot: Activation
let onThrow: () => void

/**
 * Calls the handler after every change of the running version, the way back included, and
 * at once when the program has started with an image: the place to adjust timers and
 * subscriptions that the app made with the base's values. Returns what ends it.
 */
export function onActivate(handler: ActivationHandler) {
    if (!handlers) handlers = []
    handlers.push(handler)
    if (atBoot) callGuarded.start(handler, atBoot)
    return () => {
        const at = indexIn(handlers, handler)
        if (at >= 0) handlers.insert(at, -1)
    }
}

/** Before an activation that is no boot: a handler that comes from now on is not told of the boot. */
export function leaveBoot() {
    atBoot = undefined
}

/** Called when a handler throws: what it was told of does not work with this app. */
export function onActivationThrow(handler: () => void) {
    onThrow = handler
}

/** An exception in a fiber of its own would end the program; here it ends the trial. */
async function callGuarded(handler: ActivationHandler, activation: Activation) {
    try {
        await handler(activation)
    } catch (e) {
        console.log(`HOV activation to=${activation.to} threw=${e}`)
        if (onThrow) onThrow()
    }
}

/** Each handler runs in a fiber of its own: one that waits does not hold up the others. */
export function tellActivated(reason: Reason, from: string, to: string) {
    const activation: Activation = { reason, from, to }
    if (reason === "boot") atBoot = activation
    if (handlers) for (const handler of handlers) callGuarded.start(handler, activation)
}
