import { Assembler, encodeIntIn } from "../devs/assembler.ts"
import { decodeCode, mapImmediates, visitExprs } from "../devs/code.ts"
import { FIRST_MULTIBYTE_INT, type ImmediateKind } from "../devs/opcodes.ts"
import { placeOf, reassemble } from "../devs/reassemble.ts"

/** Code that names functions, or strings, by other numbers. */

export interface NumberUse {
    readonly value: number
    /** offset of the number in the code */
    readonly at: number
    /** bytes of the number */
    readonly width: number
}

/** Where expressions name something of a kind. */
export function numbersIn(code: Uint8Array, kind: ImmediateKind): NumberUse[] {
    const found: NumberUse[] = []
    for (const s of decodeCode(code))
        visitExprs(s.args, e => {
            if (e.kind !== "op" || e.op.immediate !== kind) return
            const at = e.pc! + 1
            found.push({ value: e.immediate, at, width: code[at] < FIRST_MULTIBYTE_INT ? 1 : 2 + (code[at] & 3) })
        })
    return found
}

/** Each number in as few bytes as it can; with the places where statements went. */
export function renumbered(code: Uint8Array, kind: ImmediateKind, numberOf: (value: number) => number): { code: Uint8Array; places: ReadonlyMap<number, number> } {
    const change = (k: ImmediateKind | undefined, value: number) => (k === kind ? numberOf(value) : value)
    const statements = decodeCode(code).map(s => ({ ...s, args: s.args.map(e => mapImmediates(e, change)) }))
    const a = new Assembler()
    reassemble(a, statements)
    // a jump may lead behind the last statement
    a.label("end")
    const finished = a.finish()
    return { code: finished.code, places: new Map(statements.map(s => [s.pc, finished.labels.get(placeOf(s.pc))!])) }
}

/**
 * Each number in as many bytes as the old one, so that every byte keeps its place.
 * @throws RangeError when it needs more
 */
export function renumberedInPlace(code: Uint8Array, kind: ImmediateKind, numberOf: (value: number) => number): Uint8Array {
    const changed = Uint8Array.from(code)
    for (const { value, at, width } of numbersIn(code, kind)) changed.set(encodeIntIn(width, numberOf(value)), at)
    return changed
}
