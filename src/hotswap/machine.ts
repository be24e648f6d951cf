// The doors between TypeScript and the executor. The linker replaces the bodies of these functions with bytecode that
// no TypeScript compiles to; what stands here only keeps their names, parameters and the functions they need alive.

import { dispatch, refill } from "./guard"
import { enterCall, leaveCall, moveCall } from "./ledger"
import { allocateMigrated, migrate, unmigrate } from "./migration"
import { partOf } from "./plain"
import { emptyClass, spareClasses } from "./spare-classes"

/** Value of handler `n`; -1 is the one that leaves the prelude's try block and throws on. */
export function capture(n: number): any {
    return n
}

/** Sets all pointers to replaced code, in the order of the base's hosts, without a yield: `undefined` is native code. */
export function setPointers(codes: any[]): void {
    collect(codes)
}

/** The handlers that run when the budget of a loop or a call is used up. */
export async function setMachine(loopExhausted: any[], entryExhausted: any[]) {
    migrate(undefined, undefined)
    unmigrate(undefined, undefined)
    allocateMigrated(0)
    emptyClass(spareClasses())
    await dispatch(loopExhausted, 0, entryExhausted, 0)
    await refill()
    enterCall(0, loopExhausted)
    moveCall(0, loopExhausted)
    leaveCall(0)
}

/** How many loop rounds and calls replaced code may do before it yields. */
export function setBudget(count: number): void {
    collect(count)
}

/** The handler that a frame goes on with after its exception has been looked at. */
export function setResume(handler: any): void {
    collect(handler)
}

/** Functions, strings and objects of the base, eight to a group; undefined where there is no such group. */
export function statics(group: number): any[] {
    return collect(group)
}

/** A function that the base does not have: runs `code` with its arguments in the registers. */
export function makeFunction(code: any[]): any {
    return () => code
}

/** The same with `this` in the first register. */
export function makeMethod(code: any[]): any {
    return () => code
}

/** A function with a rest parameter: runs `code` with all of its arguments in one array. */
export function makeRest(code: any[]): any {
    return () => code
}

/** The same with `this` in front of the array. */
export function makeRestMethod(code: any[]): any {
    return () => code
}

export function collect(...values: any[]): any[] {
    return values
}

/**
 * What the linker tells the resident, behind a mark to find it by: base id (8 bytes), number of hosts, of handlers,
 * first and last address of the executor (u16 each), version of the base (16 bytes, padded with zeros).
 */
const mark = hex`484f56424153453a 0000000000000000 0000 0000 0000 0000 00000000000000000000000000000000`

export function baseIdBytes(): Buffer {
    return partOf(mark, 8, 16)
}

export function hostCount(): number {
    return mark.getAt(16, "u16")
}

/** Whether an address from a stack trace is in the executor: the frame runs replaced code. */
export function isExecutorAddress(pc: number): boolean {
    return pc >= mark.getAt(20, "u16") && pc < mark.getAt(22, "u16")
}

export function baseVersionText(): string {
    let end = 24
    while (end < mark.length && mark[end] !== 0) end++
    return partOf(mark, 24, end).toString("utf-8")
}
