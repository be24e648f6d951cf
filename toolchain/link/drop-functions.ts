import type { DevsFunction, DevsImage } from "../devs/image.ts"
import { numbersIn, renumbered, renumberedInPlace } from "./renumber.ts"

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
    const numberOf = (old: number) => numbers.get(old)!
    const places = new Map<number, ReadonlyMap<number, number>>()
    const functions = kept.map((old, number): DevsFunction => {
        const f = image.functions[old]
        if (old === 0) return { ...f, code: renumberedInPlace(f.code, "function", numberOf) }
        const { code, places: moved } = renumbered(f.code, "function", numberOf)
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
        for (const { value } of numbersIn(functions[i].code, "function")) open.push(value)
    }
    return found
}
