import type { Expression } from "../devs/assembler.ts"

/**
 * Where the executor keeps its state: in the frame of the *host*, the base's own native function whose prelude found a
 * replacement. There is no second frame and no register file: guest registers are the host's locals, and its parameters
 * are where the caller put them.
 *
 * | slot    | name | holds |
 * |---------|------|-------|
 * | 0 … 7   | R0…  | guest registers; parameters (`this` first) are in them on entry |
 * | 8       | A    | the accumulator; a ninth parameter arrives here |
 * | 9       | PC   | index of the current instruction in the code array; `undefined` before the first |
 * | 10      | CODE | the code array: handler values and inline operands |
 * | 11      | B    | second operand within one expression; on re-entry after a throw, the exception |
 * | 12      | S    | array of the variables that found no register, if there are any |
 *
 * Every base function that can be replaced is linked with at least {@link frameSlots} slots and one try frame.
 */
export const registerCount = 8
export const accumulatorSlot = 8
export const pcSlot = 9
export const codeSlot = 10
export const secondSlot = 11
export const spillSlot = 12
export const frameSlots = 13

/** Words before the first instruction of a code array: the entry handler and the function's metadata. */
export { codeHeaderWords } from "../format/image.ts"

export const A: Expression = ["LOAD_LOCAL", accumulatorSlot]
export const B: Expression = ["LOAD_LOCAL", secondSlot]
export const PC: Expression = ["LOAD_LOCAL", pcSlot]
/** The spill array. */
export const S: Expression = ["LOAD_LOCAL", spillSlot]
export const CODE: Expression = ["LOAD_LOCAL", codeSlot]

export function R(register: number): Expression {
    return ["LOAD_LOCAL", register]
}

/** The n-th operand behind the current instruction's handler, counted from 1. */
export function K(n: number): Expression {
    return ["INDEX", CODE, ["ADD", PC, n]]
}
