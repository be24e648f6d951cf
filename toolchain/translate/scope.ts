import type { AddedKind } from "../format/image.ts"
import type { Operand } from "./guest-code.ts"

export type Closure = { readonly base: number } | { readonly added: Operand; readonly kind: AddedKind }

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
    /**
     * An inner function that closes over the frame that it is made in: the base's, by its number, or the code array of a
     * new one. Undefined for one that is a plain value.
     */
    closure(index: number): Closure | undefined
    string(table: "ascii" | "utf8" | "builtin", index: number): Operand
    buffer(index: number): Operand
    float(index: number): number
    spec(index: number, prototype: boolean): Operand
    /** how operations name a constant that the base's own bytecode can hold; undefined for one that the base does not have */
    inline(constant: Operand): string | undefined
    /** slot of a captured variable in its owner's frame, and how many frames further out that one is on the board */
    captured(slot: number, levels: number): { readonly slot: number; readonly levels: number }
    /** whether the image itself gives a built-in object this member: it is not there yet when the image is loaded */
    isAddedMember(object: number, name: string): boolean
    /** names of fields that objects made before the update may lack: reading one may have to bring the object up */
    isNewField(name: string): boolean
    /** whether there are any: a key that is computed may name one */
    readonly hasNewFields: boolean
    /** names of fields that a declared migration changes: an object has to be brought up before one is touched */
    isMigratedField(name: string): boolean
}
