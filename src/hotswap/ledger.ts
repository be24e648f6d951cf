// Calls that may wait, and the code that each of them runs: after a swap, those that have not ended yet are what still runs
// old code. The linker makes such functions of the base enter and leave; the builder does the same for replaced code.

import * as ds from "@devicescript/core"
import { numberOf } from "./guard"
import type { LoadedImage } from "./image"
import { indexIn } from "./plain"

/**
 * Four places for each call, callees behind their callers: its fiber, number of the function of the base (undefined for one
 * that an image has brought along), code array that it runs (undefined for the base's own code), clock since when that is old.
 */
let calls: any[] = []
const places = 4

/** Fibers can be ended from outside, and leave nothing then: what is left of them is looked for when there is much. */
const sweepPlaces = 64
let sweepAt = sweepPlaces

let current: LoadedImage

export function enterCall(host: number, code: any[]): void {
    if (calls.length >= sweepAt) {
        sweep()
        sweepAt = 2 * calls.length + sweepPlaces
    }
    calls.push(ds.Fiber.self(), host, code, 0)
}

/** The call of this function, or that runs this code, ends; with it what is left of calls that it made. */
export function leaveCall(key: any): void {
    const at = find(key)
    if (at < 0) return
    const fiber = calls[at]
    for (let i = calls.length - places; i >= at; i -= places) if (calls[i] === fiber) calls.insert(i, -places)
}

/** The call of this function goes on with other code. */
export function moveCall(host: number, code: any[]): void {
    setCode(find(host), code)
}

/** An exception has left the code, or it is given up: then the frame ends, or goes on in the base's own. */
export function failCall(code: any[], isSkipped: boolean, fallsBack: boolean): void {
    const at = find(code)
    if (at < 0) return
    if (isSkipped || calls[at + 1] === undefined) leaveCall(code)
    else if (fallsBack) setCode(at, undefined)
}

function setCode(at: number, code: any[]): void {
    if (at < 0) return
    calls[at + 2] = code
    calls[at + 3] = 0
}

/** The latest call of the fiber that runs. */
function find(key: any): number {
    const fiber = ds.Fiber.self()
    for (let i = calls.length - places; i >= 0; i -= places)
        if (calls[i] === fiber && (calls[i + 1] === key || calls[i + 2] === key)) return i
    return -1
}

function sweep(): void {
    for (let i = calls.length - places; i >= 0; i -= places)
        try {
            if (!calls[i].id) calls.insert(i, -places)
        } catch (e) {
            // a fiber that has ended has no number
            calls.insert(i, -places)
        }
}

function isOld(at: number): boolean {
    const code = calls[at + 2]
    // all functions of an image share one standing
    if (code) return !current || code[1] !== current.standing
    return !!current && current.pointers[calls[at + 1]] !== undefined
}

/** The swap: from now on other code is current. */
export function noteSwap(image: LoadedImage): void {
    current = image
    for (let i = 0; i < calls.length; i += places) calls[i + 3] = isOld(i) ? calls[i + 3] || Math.max(1, ds.millis()) : 0
}

/**
 * The calls that still run the code that was current when they began: number of the fiber, milliseconds since when that is
 * old, number of the function of the base or -1 for one that an image had brought along, and, when it runs an image's code,
 * the image's sequence and the function's number in it, else -1.
 */
export function oldCalls(): number[][] {
    sweep()
    const found: number[][] = []
    for (let i = 0; i < calls.length; i += places) {
        if (!isOld(i)) continue
        const code = calls[i + 2]
        const since = calls[i + 3] || ds.millis()
        calls[i + 3] = since
        found.push([
            calls[i].id,
            ds.millis() - since,
            orNone(calls[i + 1]),
            code ? code[1].sequence : -1,
            code ? numberOf(code) : -1,
        ])
    }
    return found
}

/** Whether a call of one of these functions of the base has begun and not ended. */
export function isAnyUnderWay(hosts: number[]): boolean {
    sweep()
    for (let i = 0; i < calls.length; i += places) if (indexIn(hosts, calls[i + 1]) >= 0) return true
    return false
}

function orNone(n: number): number {
    return n === undefined ? -1 : n
}
