/** Code for the executor, before its operands have got numbers. */

export type Operand =
    | { readonly kind: "int"; readonly value: number }
    | { readonly kind: "float"; readonly value: number }
    | { readonly kind: "special"; readonly value: "undefined" | "null" | "true" | "false" | "nan" | "infinity" }
    | { readonly kind: "string"; readonly text: string }
    | { readonly kind: "buffer"; readonly bytes: Uint8Array }
    /** a function of the base */
    | { readonly kind: "baseFunction"; readonly index: number }
    /** a function that the base does not have, by its position in the image */
    | { readonly kind: "addedFunction"; readonly index: number }
    /** code array of a function that the base does not have: what a closure is made over */
    | { readonly kind: "addedCode"; readonly index: number }
    | { readonly kind: "builtinObject"; readonly index: number }
    /** a member of a built-in object, looked up when the image is loaded */
    | { readonly kind: "builtinField"; readonly object: number; readonly name: string }
    | { readonly kind: "spec"; readonly index: number; readonly prototype: boolean }
    /** the resident's function that brings an object up to its new layout */
    | { readonly kind: "bringUp" }
    /** the place of a global that the base does not have */
    | { readonly kind: "cell"; readonly index: number }
    /** stands for an interrupted jump while a finally block runs */
    | { readonly kind: "token"; readonly index: number }
    /** index of an instruction in the code array */
    | { readonly kind: "label"; readonly name: string }

export interface Instruction {
    readonly operation: string
    readonly operands: readonly Operand[]
    /** offset in the compiled function's code that this came from */
    readonly sourcePc: number
}

export type GuestItem = Instruction | { readonly label: string }

export interface TryRange {
    readonly start: string
    readonly end: string
    readonly handler: string
}

/** What happens to a call in which replaced code throws and nothing catches: see the guard. */
export type FaultPolicy = "skip" | "rerun" | "rethrow"

export interface GuestFunction {
    readonly items: readonly GuestItem[]
    /** innermost first */
    readonly tryRanges: readonly TryRange[]
    readonly tokens: number
}
