import type { Operand } from "./guest-code.ts"

/**
 * What the numbers in a compiled function stand for, seen from the base that its translation will run in. The diff makes
 * one for each new build; the translator only asks.
 */
export interface Scope {
    /** a VM global of the base, or the cell of a new one */
    global(index: number): { readonly base: number } | { readonly cell: number }
    /** a function as a value */
    function(index: number): Operand
    isConstructor(index: number): boolean
    /** number of the base's function to make a closure of, or undefined when it is new */
    closure(index: number): number | undefined
    string(table: "ascii" | "utf8" | "builtin", index: number): Operand
    buffer(index: number): Operand
    float(index: number): number
    spec(index: number, prototype: boolean): Operand
    /** slot of a captured variable in the frames of the base's function that owns it */
    capturedSlot(slot: number, levels: number): number
    /** whether the image itself gives a built-in object this member: it is not there yet when the image is loaded */
    isAddedMember(object: number, name: string): boolean
    /** names of fields that objects made before the update may lack: reading one may have to bring the object up */
    isNewField(name: string): boolean
    /** whether there are any: a key that is computed may name one */
    readonly hasNewFields: boolean
    /** names of fields that a declared migration changes: an object has to be brought up before one is touched */
    isMigratedField(name: string): boolean
}
