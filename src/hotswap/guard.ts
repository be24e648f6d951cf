// What happens when replaced code throws or runs for too long.

import * as ds from "@devicescript/core"
import { failCall } from "./ledger"
import { capture, isExecutorAddress, setBudget, setResume } from "./machine"
import { checkMigrationTime, isMigrationFailure } from "./migration"

/** Numbers of the handlers that the machinery itself names; see fixedHandlers in toolchain/executor/operations.ts. */
const entryExhaustedHandler = 1
const loopExhaustedHandler = 2
const catchHandler = 3
const skipHandler = 5
const fallBackHandler = 6
/** Leaves the prelude's try block, then throws on. */
const rethrowHandler = -1

/** What to do with a call that has thrown, as the builder worked it out. */
const policySkip = 0
const policyRerun = 1

export interface Fault {
    message: string
    /** function of the image, in its order */
    functionIndex: number
    /** word in its code array */
    pc: number
    /** the VM's stack at the throw: addresses of the linked base, u16 each, as hex digits */
    native: string
    uptimeMs: number
}

let budget = 200
/** The clock when a budget began. It stands still while a fiber runs: as long as it shows the same, none may have waited. */
let budgetMs = 0
/** How long replaced code has kept the VM busy: its main loop, where the network and the bus are, has had no turn. */
let busyFromMs = 0
let busyToMs = 0
let rollBack: (fault: Fault) => void

export function setImageBudget(count: number): void {
    budget = count
    setBudget(count)
}

/**
 * How far an image is trusted. All of its functions share one, as frames of an image that has been called back may go on
 * for a while, next to those of another.
 */
export interface Standing {
    /** of the image */
    sequence: number
    /** an exception calls the image back */
    trial: boolean
    /** it was called back: what its last frames throw is left out, and says nothing of the image that is current */
    recalled: boolean
    /** try ranges of its functions, by their numbers: start, end, handler, as places in the code array; undefined for none */
    ranges: number[][]
}

function standingOf(code: any[]): Standing {
    return code[1]
}

/** in the image's order */
export function numberOf(code: any[]): number {
    return code[2] >> 2
}

/** @param onTrialFault called in the frame that threw: puts the pointers back; must not yield */
export function guardTrial(standing: Standing, onTrialFault: (fault: Fault) => void): void {
    standing.trial = true
    standing.recalled = false
    rollBack = onTrialFault
}

export function endTrial(standing: Standing, recalled: boolean): void {
    standing.trial = false
    standing.recalled = recalled
}

export function machineHandlers(): any[] {
    return [capture(loopExhaustedHandler), capture(entryExhaustedHandler)]
}

/** Longest time without a turn for the network and the bus. */
const busyMsMax = 20

/** Where the budget of a loop has ended. */
export async function refill() {
    await newBudget()
    checkMigrationTime()
}

/**
 * Starts a new budget, and yields if the old one was used up in a single turn. A turn of 0 ms lets other fibers run but not
 * the network and the bus, so a long computation takes a real one now and then. A fiber that has waited meanwhile does not
 * yield: native code would not, and its caller may count on it.
 */
async function newBudget() {
    const nowMs = ds.millis()
    if (nowMs !== budgetMs) {
        // begun in another turn, which had at most one budget; half of one more keeps to the VM's limit
        budgetMs = nowMs
        setBudget(Math.max(1, budget >> 1))
        return
    }
    if (nowMs - busyToMs > 1) busyFromMs = nowMs
    const fromMs = busyFromMs
    // for those that run while this one waits
    setBudget(budget)
    await ds.sleep(0)
    busyFromMs = fromMs
    budgetMs = busyToMs = ds.millis()
    if (budgetMs - fromMs > busyMsMax) {
        await ds.sleep(1)
        budgetMs = busyToMs = busyFromMs = ds.millis()
    }
    setBudget(budget)
}

/** What the way through `dispatch` takes of a budget, with room for a deep stack: a 32nd. */
const dispatchShift = 5

/**
 * Called by the executor in the frame of replaced code, when the budget ended at an entry or something was thrown.
 * Chooses how the frame goes on and returns the program counter that it goes on at.
 */
export async function dispatch(code: any[], pc: number, exception: any, budgetLeft: number): Promise<number> {
    if (pc === undefined) {
        await newBudget()
        setResume(code[0])
        return undefined
    }
    // the entry has ended the budget to get here
    setBudget(Math.max(1, budgetLeft - 1 - (budget >> dispatchShift)))
    if (isMigrationFailure(exception) && standingOf(code).trial) rollBack(faultOf(code, pc, exception))
    const ranges = standingOf(code).ranges[numberOf(code)]
    for (let i = 0; ranges && i < ranges.length; i += 3)
        if (ranges[i] <= pc && pc < ranges[i + 1]) {
            setResume(capture(catchHandler))
            return ranges[i + 2]
        }
    const handler = uncaught(code, pc, exception)
    failCall(code, handler === skipHandler, handler === fallBackHandler)
    setResume(capture(handler))
    return pc
}

/** The exception on its way up, and where in replaced code it began. */
let travelling: any
let origin: Fault

/**
 * An exception leaves a frame of replaced code. While there is another one above, that may catch it. Out of the
 * outermost one it is a fault: on trial the pointers go back, and the frame goes on as if the older code had run.
 * Returns the handler that the frame goes on with.
 */
function uncaught(code: any[], pc: number, exception: any): number {
    const inside = isInsideReplacedCode()
    if (exception !== travelling || !origin) {
        travelling = exception
        origin = faultOf(code, pc, exception)
    }
    if (inside) return rethrowHandler
    const fault = origin
    travelling = origin = undefined
    const standing = standingOf(code)
    if (standing.trial) rollBack(fault)
    else {
        console.debug(`HOV thrown fn=${fault.functionIndex} pc=${fault.pc} native=${fault.native} msg=${fault.message}`)
        if (!standing.recalled) return rethrowHandler
    }
    const policy = code[2] & 3
    if (policy === policySkip) return skipHandler
    return policy === policyRerun ? fallBackHandler : rethrowHandler
}

function faultOf(code: any[], pc: number, exception: any): Fault {
    const isError = exception instanceof Error
    const stack = isError ? (exception as any).__stack__ : undefined
    return {
        message: isError ? exception.message : exception + "",
        functionIndex: numberOf(code),
        pc,
        native: stack ? stack.toString("hex") : "",
        uptimeMs: ds.millis(),
    }
}

/**
 * Whether some caller of the frame that threw runs replaced code too: it will get the exception next. Asked only after
 * a throw, so it may be slow: an error of our own shows the addresses of all callers.
 */
function isInsideReplacedCode(): boolean {
    let stack: Buffer
    try {
        throw new Error("probe")
    } catch (e) {
        stack = (e as any).__stack__
    }
    let frames = 0
    for (let i = 0; i + 1 < stack.length; i += 2) if (isExecutorAddress(stack.getAt(i, "u16"))) frames++
    // one is the frame that threw itself
    return frames > 1
}
