import { Assembler, encodeInt } from "../devs/assembler.ts"
import { decodeCode, type Expr, visitExprs } from "../devs/code.ts"
import type { DevsFunction, DevsImage } from "../devs/image.ts"
import { placeOf, reassemble } from "../devs/reassemble.ts"

/** Functions that the VM or `main` begins with. */
const ENTRIES = 2

export interface Dropped {
    readonly image: DevsImage
    /** New number of each function that is still there. */
    readonly numbers: ReadonlyMap<number, number>
    /** Where statements went, by the new number of their function. */
    readonly places: ReadonlyMap<number, ReadonlyMap<number, number>>
}

/**
 * Leaves out the functions that no other names, and numbers the rest anew, in their order. `main` keeps every byte in its
 * place, because the executor behind it has its own addresses: a shorter number is written in as many bytes as the old one.
 */
export function dropFunctions(image: DevsImage): Dropped {
    const kept = [...named(image.functions)].sort((x, y) => x - y)
    const numbers = new Map(kept.map((old, number) => [old, number]))
    const places = new Map<number, ReadonlyMap<number, number>>()
    const functions = kept.map((old, number): DevsFunction => {
        const f = image.functions[old]
        if (old === 0) return { ...f, code: patched(f.code, numbers) }
        const { code, moved } = renumbered(f.code, numbers)
        places.set(number, moved)
        return { ...f, index: number, code }
    })
    return { image: { ...image, functions }, numbers, places }
}

function named(functions: readonly DevsFunction[]): Set<number> {
    const found = new Set<number>()
    const open = Array.from({ length: Math.min(ENTRIES, functions.length) }, (_, i) => i)
    while (open.length) {
        const i = open.pop()!
        if (found.has(i)) continue
        found.add(i)
        for (const s of decodeCode(functions[i].code))
            visitExprs(s.args, e => {
                if (e.kind === "op" && e.op.immediate === "function") open.push(e.immediate)
            })
    }
    return found
}

function renumbered(code: Uint8Array, numbers: ReadonlyMap<number, number>): { code: Uint8Array; moved: ReadonlyMap<number, number> } {
    const inExpression = (e: Expr): Expr =>
        e.kind === "int" ? e : { ...e, args: e.args.map(inExpression), immediate: e.op.immediate === "function" ? numbers.get(e.immediate)! : e.immediate }
    const statements = decodeCode(code).map(s => ({ ...s, args: s.args.map(inExpression) }))
    const a = new Assembler()
    reassemble(a, statements)
    // a jump may lead behind the last statement
    a.label("end")
    const finished = a.finish()
    return { code: finished.code, moved: new Map(statements.map(s => [s.pc, finished.labels.get(placeOf(s.pc))!])) }
}

function patched(code: Uint8Array, numbers: ReadonlyMap<number, number>): Uint8Array {
    const bytes = Uint8Array.from(code)
    for (const s of decodeCode(code))
        visitExprs(s.args, e => {
            if (e.kind !== "op" || e.op.immediate !== "function") return
            const width = encodeInt(e.immediate).length
            const number = numbers.get(e.immediate)!
            const at = e.pc! + 1
            if (width === 1) bytes[at] = number
            else for (let i = 1; i < width; i++) bytes[at + i] = (number >> (8 * (width - 1 - i))) & 0xff
        })
    return bytes
}
