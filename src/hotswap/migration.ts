// Objects made by old code meet new code. An object is reached by name, so nothing moves in memory; what can be wrong is
// that a field is missing, or means something else. Both are put right when replaced code first touches the object.

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

interface Declared {
    constructor_: any
    steps: Migration[]
    /** prototypes of the class and its subclasses, and what stands before each in objects that have been brought up */
    prototypes: any[]
    /** `{ prototype }`, so that `instanceof` can ask for the mark: the VM does not tell an object's prototype */
    marks: any[]
}

let rules: MigrationRule[] = []
let declared: Declared[] = []
let live = false
/** objects in the new layout, each behind its entry of `declared`: the way back needs them */
let broughtUp: any[] = []

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
    if (!live) return
    let entry = find(constructor_)
    if (!entry) {
        entry = { constructor_, steps: [], prototypes: [], marks: [] }
        declared.push(entry)
    }
    let at = entry.steps.length
    while (at > 0 && entry.steps[at - 1].to > migration.to) at--
    // in their order; moved by hand, as a method of the library would cost every array of the app (plain.ts)
    for (let i = entry.steps.length; i > at; i--) entry.steps[i] = entry.steps[i - 1]
    entry.steps[at] = migration
}

function find(constructor_: any): Declared | undefined {
    for (const entry of declared) if (entry.constructor_ === constructor_) return entry
    return undefined
}

/**
 * Called by replaced code where it touches a field that objects may lack, or that a migration changes; without a field, by
 * a constructor at its end, whose object needs nothing. Returns the field.
 *
 * The mark that an object has been brought up is not to be seen from a program: for automatic rules it is the field
 * itself (one that is legitimately `undefined` exists), for declared ones a prototype between the object and its class's.
 */
export function bringUp(object: any, field: string): any {
    for (const entry of declared) if (object instanceof entry.constructor_) bringUpDeclared(entry, object, field === undefined)
    if (field === undefined) return undefined
    for (const rule of rules)
        if (indexIn(rule.fields, field) >= 0 && object instanceof rule.constructor_) {
            if (indexIn(Object.keys(object), field) < 0) addFields(rule, object)
            break
        }
    return object[field]
}

/** Those that new code wrote before it read any keep what was written. */
function addFields(rule: MigrationRule, object: any): void {
    const written: any = {}
    for (const key of Object.keys(object)) if (indexIn(rule.fields, key) >= 0) written[key] = object[key]
    rule.up(object)
    Object.assign(object, written)
}

function bringUpDeclared(entry: Declared, object: any, isNew: boolean): void {
    const prototype = prototypeOf(object)
    const mark = markFor(entry, prototype)
    if (object instanceof mark) return
    // marked first: `up` touches the object itself
    Object.setPrototypeOf(object, mark["prototype"])
    if (!isNew) {
        const fields = Object.assign({}, object)
        try {
            for (const step of entry.steps) step.up(object)
        } catch (e) {
            Object.setPrototypeOf(object, prototype)
            restore(object, fields)
            throw e
        }
    }
    broughtUp.push(entry)
    broughtUp.push(object)
}

/** The prototype of an object's class. Indexed, as the compiler takes `.prototype` for a class's own. */
function prototypeOf(object: any): any {
    return object["constructor"]["prototype"]
}

function markFor(entry: Declared, prototype: any): any {
    const i = indexIn(entry.prototypes, prototype)
    if (i >= 0) return entry.marks[i]
    const before = {}
    Object.setPrototypeOf(before, prototype)
    const mark = { prototype: before }
    entry.prototypes.push(prototype)
    entry.marks.push(mark)
    return mark
}

function restore(object: any, fields: any): void {
    for (const key of Object.keys(object)) delete object[key]
    Object.assign(object, fields)
}

/** Takes the objects back to the layout of the base's code, the last one first. */
export function bringDown(): void {
    const objects = broughtUp
    broughtUp = []
    for (let i = objects.length - 2; i >= 0; i -= 2) {
        const entry: Declared = objects[i]
        const object = objects[i + 1]
        const fields = Object.assign({}, object)
        try {
            for (let k = entry.steps.length - 1; k >= 0; k--) {
                const down = entry.steps[k].down
                if (down) down(object)
            }
        } catch (e) {
            restore(object, fields)
            console.log(`HOV down threw=${e}`)
        }
        // marked until now: `down` touches the object itself
        Object.setPrototypeOf(object, prototypeOf(object))
    }
    declared = []
}
