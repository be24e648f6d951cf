// The hot-swap loader: puts replaced code in the place of the base's own, one pointer a function, and back.

import * as ds from "@devicescript/core"
import { HotswapError } from "./errors"
import { endTrial, type Fault, guardTrial, machineHandlers, setImageBudget } from "./guard"
import type { LoadedImage } from "./image"
import { isAnyUnderWay, noteSwap } from "./ledger"
import { baseIdBytes, baseVersionText, hostCount, setMachine, setPointers } from "./machine"
import { bringDown, declareMigrations, forgetMade, setRules } from "./migration"
import { hasStarted, releaseKept } from "./registrations"

export * from "./errors"
export * from "./guard"
export * from "./image"
export { oldCalls } from "./ledger"
export { isMigrationStuck } from "./migration"

/** "hot": waits for calls that would mix old and new code; "rollback" waits for none; at "boot" no code has begun. */
export type Reason = "boot" | "hot" | "rollback"

let faultHandler: (fault: Fault) => void
let active: LoadedImage

/** The base that this board runs, as 16 hex digits. All zeros: not linked. */
export function baseId(): string {
    return baseIdBytes().toString("hex")
}

export function baseVersion(): string {
    return baseVersionText() || "0.0.0"
}

/** Called once for an image on trial that threw, after the pointers went back; may start fibers. */
export function onFault(handler: (fault: Fault) => void): void {
    faultHandler = handler
}

export function activeImage(): LoadedImage {
    return active
}

/**
 * Makes an image current. The swap itself is one step without a yield: other fibers see all of it or none.
 * With `trial` an uncaught exception in it puts the base's code back.
 */
export async function activate(
    image: LoadedImage,
    options: { trial: boolean; reason: Reason; version: string }
) {
    await setMachineUp()
    if (options.reason === "hot") await ready(image)
    else if (image.goLive && options.reason === "rollback") await untilStarted()
    if (options.trial) guardTrial(image.standing, putBack)
    else endTrial(image.standing, false)
    if (active === image) return
    // an image is made against the base: what another one has changed goes back first
    if (active) takeBack()
    setImageBudget(image.budget)
    setRules(image.rules)
    active = image
    if (image.initialise) await image.initialise()
    setPointers(image.pointers)
    noteSwap(image)
    // with the pointers set, as first values may be computed by replaced functions
    if (!image.goLive || options.reason === "boot") return
    declareMigrations(true)
    try {
        await image.goLive()
    } catch (e) {
        // on trial the guard has put all back and tells the fault handler
        if (active !== image) return
        deactivate()
        throw new HotswapError("HOV_GO_LIVE")
    } finally {
        declareMigrations(false)
    }
}

/** Waits until an image can go live: top-level code has made what it changes, and no call would mix old and new. */
export async function ready(image: LoadedImage) {
    if (image.goLive) await untilStarted()
    if (!image.mixing || active === image) return
    const endMs = ds.millis() + image.mixingMsMax
    while (isAnyUnderWay(image.mixing)) {
        if (ds.millis() >= endMs) throw new HotswapError("HOV_QUIESCE")
        await ds.sleep(quietPollMs)
    }
}

const quietPollMs = 5
const startPollMs = 50
const startPolls = 200

/** Top-level code that an image changes must have run before. */
async function untilStarted() {
    for (let i = 0; i < startPolls; i++) {
        if (hasStarted()) return
        await ds.sleep(startPollMs)
    }
    throw new HotswapError("HOV_NOT_STARTED")
}

/** Gives the executor its handlers; before it, no replaced code can run. */
export async function setMachineUp() {
    const handlers = machineHandlers()
    await setMachine([handlers[0]], [handlers[1]])
}

/** The base's own code is current again. */
export function deactivate(): void {
    takeBack()
    noteSwap(undefined)
}

function takeBack(): void {
    const left = active
    if (left) endTrial(left.standing, true)
    active = undefined
    const native: any[] = []
    native[hostCount() - 1] = undefined
    setPointers(native)
    bringDown()
    setRules([])
    releaseKept()
    if (left && left.goBack) {
        setImageBudget(left.budget)
        try {
            left.goBack()
        } catch (e) {
            console.debug(`HOV goBack ${e}`)
        }
    }
    forgetMade()
}

export function confirmTrial(): void {
    if (active) endTrial(active.standing, false)
}

function putBack(fault: Fault): void {
    deactivate()
    if (faultHandler) {
        const handler = faultHandler
        const report = async () => {
            handler(fault)
        }
        report.start()
    }
}
