// Objects made by old code meet new code. An object is reached by name, so all that can be missing is a new field: when
// replaced code reads one and finds `undefined`, the object gets all of its class's new fields at once, here.

import type { MigrationRule } from "./image"

let rules: MigrationRule[] = []

export function setRules(next: MigrationRule[]): void {
    rules = next
}

/**
 * Gives an object the fields that its class got since it was made, unless it has them, and returns the one asked for.
 * The mark that an object has been brought up is the field itself: one that is legitimately `undefined` exists.
 */
export function migrate(object: any, field: string): any {
    for (const rule of rules) {
        if (rule.fields.indexOf(field) >= 0 && object instanceof rule.constructor_) {
            if (Object.keys(object).indexOf(field) < 0) rule.up(object)
            return object[field]
        }
    }
    return undefined
}
