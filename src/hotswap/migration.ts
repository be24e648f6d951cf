// Objects made by old code meet new code. An object is reached by name, so nothing moves in memory; what can be wrong is
// that a field is missing, or means something else. Both are put right when replaced code first touches the object.

import * as ds from "@devicescript/core"
import { HotswapError } from "./errors"
import type { MigrationRule } from "./image"
import { indexIn } from "./plain"

/** How objects of a class go from the layout that the base made to the one of new code, and back. */
export interface Migration {
    /** version of the layout that `up` makes */
    to: number
    /** Must not wait. Throwing ends a trial; the object is then as it was. */
    up: (object: any) => void
    /** the way back, when the image is called back; without it, fields that only `up` knows of are lost */
    down?: (object: any) => void
}

/** One on its way. Replaced code yields when it computes for long, so there may be some. */
interface UnderWay {
    fiber: ds.Fiber
    object: any
    /** as it was */
    fields: any
    endMs: number
    leftBytes: number
}

/** What bringing up one object may take: it holds up a call that did not ask for it, and a full heap cannot be caught. */
const migrationMsMax = 500
const migrationBytesMax = 8192
const bufferBytes = 12

let underWay: UnderWay[] = []
/** what a migration threw, on its way up */
let failure: any

/** All that the program that runs has declared, a class behind its rule: what was saved may be older. */
let known: any[] = []

let rules: MigrationRule[] = []
/** What the image has declared, a class behind its rule. In an array, as a class that is read out of a field comes bound. */
let declared: any[] = []
/** Prototypes of the classes of objects that have been brought up, and what stands before each in these objects. */
let prototypes: any[] = []
/** `{ prototype }`, so that `instanceof` can ask for the mark: the VM does not tell an object's prototype */
let marks: any[] = []
let live = false
/** objects in the new layout: the way back needs them */
let broughtUp: any[] = []
/** objects that an image's constructors made since the start, which knew no other layout */
let made: any[] = []
/** of each kind; they stay on the heap, so a program that makes more and more must not be held by it */
const trackedMax = 128

export function setRules(next: MigrationRule[]): void {
    rules = next
}

/** While an image goes live in a running program, `migrate` means objects that exist; at start there are none. */
export function declareMigrations(on: boolean): void {
    live = on
}

/**
 * Says how objects of a class are brought to the layout that this version's code expects. Call it at top level:
 *
 *     migrate(Point, { to: 2, up: p => { p.left = p.x; delete p.x }, down: p => { p.x = p.left; delete p.left } })
 */
export function migrate(constructor_: any, migration: Migration): void {
    if (typeof constructor_ !== "function") throw new HotswapError("HOV_MIGRATION_CLASS")
    known.push(migration, constructor_)
    if (live) declared.push(migration, constructor_)
}

/** The steps for an object above a version of its layout, of its class and those above it. */
function stepsOf(list: any[], object: any, version: number): Migration[] {
    const steps: Migration[] = []
    for (let i = 0; i < list.length; i += 2) if (list[i].to > version && object instanceof list[i + 1]) insertStep(steps, list[i])
    return steps
}

/** In their order; moved by hand, as the library's `sort` would cost every array of the app (plain.ts). */
function insertStep(steps: Migration[], step: Migration): void {
    let at = steps.length
    while (at > 0 && steps[at - 1].to > step.to) at--
    for (let i = steps.length; i > at; i--) steps[i] = steps[i - 1]
    steps[at] = step
}

/**
 * The way back of `migrate`: the builder calls it for what an update has declared, the last one first. Objects that were
 * made since the start go down here; the others have.
 */
export function unmigrate(constructor_: any, migration: Migration): void {
    for (const object of made) if (object instanceof constructor_) goDown([migration], object)
    for (let i = known.length - 2; i >= 0; i -= 2)
        if (known[i + 1] === constructor_ && known[i].to === migration.to) known.insert(i, -2)
}

/** Version of the layout that the program expects of an object. */
export function schemaOf(object: any): number {
    let version = 1
    for (let i = 0; i < known.length; i += 2) if (object instanceof known[i + 1]) version = Math.max(version, known[i].to)
    return version
}

/** Brings fields that were saved in an older layout of an object's class up to the one that the program expects. */
export function bringUpSaved(object: any, fields: any, version: number): void {
    run(fields, stepsOf(known, object, version))
}

/** Brings an object up, whatever of it was touched. */
export function bringUpWhole(object: any): void {
    bringUpDeclared(object, false)
}

/**
 * Called by replaced code where it touches a field that objects may lack, or that a migration changes, or with 0 all of an
 * object's fields; without a field, by a constructor, whose object needs nothing. Returns the field.
 *
 * The mark that an object has been brought up is not to be seen from a program: for automatic rules it is the field
 * itself (one that is legitimately `undefined` exists), for declared ones a prototype between the object and its class's.
 */
export function bringUp(object: any, field: any): any {
    bringUpDeclared(object, field === undefined)
    if (field === undefined) {
        if (!declared.length && made.length < trackedMax) made.push(object)
        return undefined
    }
    for (const rule of rules)
        if ((!field || indexIn(rule.fields, field) >= 0) && object instanceof rule.class_[0]) {
            const present = Object.keys(object)
            for (const name of field ? [field] : rule.fields)
                if (indexIn(present, name) < 0) {
                    addFields(rule, object)
                    break
                }
            if (field) break
        }
    return field ? object[field] : undefined
}

/** Those that new code wrote before it read any keep what was written. */
function addFields(rule: MigrationRule, object: any): void {
    const written: any = {}
    for (const key of Object.keys(object)) if (indexIn(rule.fields, key) >= 0) written[key] = object[key]
    run(object, [rule])
    Object.assign(object, written)
}

/** Afterwards the object is as it was, when one of them throws. */
function run(object: any, steps: any[]): void {
    const mine: UnderWay = {
        fiber: ds.Fiber.self(),
        object,
        fields: Object.assign({}, object),
        endMs: ds.millis() + migrationMsMax,
        leftBytes: migrationBytesMax,
    }
    underWay.push(mine)
    try {
        for (const step of steps) step.up(object)
    } catch (e) {
        restore(object, mine.fields)
        failure = e
        throw e
    } finally {
        underWay.insert(indexIn(underWay, mine), -1)
    }
}

/** The innermost one of the fiber that runs. */
function current(): UnderWay | undefined {
    const fiber = underWay.length ? ds.Fiber.self() : undefined
    for (let i = underWay.length - 1; i >= 0; --i) if (underWay[i].fiber === fiber) return underWay[i]
    return undefined
}

/** Whether this is what a migration threw, asked once: whoever catches it, the image's trial has failed. */
export function isMigrationFailure(exception: any): boolean {
    if (failure === undefined || failure !== exception) return false
    failure = undefined
    return true
}

/** Where replaced code has computed for so long that others get their turn. */
export function checkMigrationTime(): void {
    const mine = current()
    if (mine && ds.millis() > mine.endMs) throw new HotswapError("HOV_MIGRATION_TIME")
}

/** The builder puts this in front of what takes memory in a migration. */
export function spendMigration(sizeBytes: number): void {
    const mine = current()
    if (!mine) return
    mine.leftBytes -= sizeBytes
    if (mine.leftBytes < 0) throw new HotswapError("HOV_MIGRATION_HEAP")
}

/** The same for a buffer, whose size is known only now. */
export function allocateMigrated(sizeBytes: number): Buffer {
    spendMigration(sizeBytes + bufferBytes)
    return Buffer.alloc(sizeBytes)
}

/** Whether a migration waits in its middle, for longer than any may take. */
export function isMigrationStuck(): boolean {
    for (const one of underWay)
        try {
            if (one.fiber.id && ds.millis() > one.endMs) return true
        } catch (e) {
            // its fiber was ended from outside, and left nothing
            continue
        }
    return false
}

function bringUpDeclared(object: any, isNew: boolean): void {
    for (let k = 1; k < declared.length; k += 2)
        if (object instanceof declared[k]) {
            const prototype = prototypeOf(object)
            const mark = markFor(prototype)
            if (object instanceof mark) return
            // marked first: `up` touches the object itself
            Object.setPrototypeOf(object, mark["prototype"])
            try {
                if (!isNew) run(object, stepsOf(declared, object, 0))
            } catch (e) {
                Object.setPrototypeOf(object, prototype)
                throw e
            }
            if (broughtUp.length < trackedMax) broughtUp.push(object)
            return
        }
}

/** The prototype of an object's class. Indexed, as the compiler takes `.prototype` for a class's own. */
function prototypeOf(object: any): any {
    return object["constructor"]["prototype"]
}

function markFor(prototype: any): any {
    const i = indexIn(prototypes, prototype)
    if (i >= 0) return marks[i]
    const before = {}
    Object.setPrototypeOf(before, prototype)
    const mark = { prototype: before }
    prototypes.push(prototype)
    marks.push(mark)
    return mark
}

function restore(object: any, fields: any): void {
    for (const key of Object.keys(object)) delete object[key]
    Object.assign(object, fields)
}

function goDown(steps: Migration[], object: any): void {
    const fields = Object.assign({}, object)
    try {
        for (let k = steps.length - 1; k >= 0; k--) {
            const down = steps[k].down
            if (down) down(object)
        }
    } catch (e) {
        restore(object, fields)
        console.log(`HOV down threw=${e}`)
    }
}

/** After `unmigrate`: what comes next makes objects of its own. */
export function forgetMade(): void {
    made = []
}

/** Takes the objects back to the layout of the base's code, the last one first. */
export function bringDown(): void {
    for (const one of underWay) restore(one.object, one.fields)
    underWay = []
    const down: any[] = []
    // a way back may touch an object that has not been brought up yet; one that makes new ones each time must end too
    while (broughtUp.length && down.length < 2 * trackedMax) {
        const last = broughtUp.length - 1
        const object = broughtUp[last]
        broughtUp.insert(last, -1)
        down.push(object)
        goDown(stepsOf(declared, object, 0), object)
    }
    // marked until now: it touches the objects themselves
    down.pushRange(broughtUp)
    for (const object of down) Object.setPrototypeOf(object, prototypeOf(object))
    broughtUp = []
    declared = []
    prototypes = []
    marks = []
}
