import { type DevsFunction, type DevsImage, StringTable } from "../devs/image.ts"
import { FIRST_MULTIBYTE_INT } from "../devs/opcodes.ts"
import { numbersIn, renumbered, renumberedInPlace } from "./renumber.ts"

/** Upper two bits of a string index name its table. */
const tableShift = 14
const serviceSpecBytes = 16
const packetSpecBytes = 8
const fieldSpecBytes = 4
const multiField = 1

/**
 * Gives the strings that code names most often the lowest numbers: one of the first 248 takes one byte in the code, where a
 * later one takes three, and the compiler numbers them as they come. In `main` a number keeps the bytes that it had, because the
 * executor behind it has its own addresses.
 */
export function orderStrings(image: DevsImage): { image: DevsImage; places: ReadonlyMap<number, ReadonlyMap<number, number>> } {
    const order = stringOrder(image)
    const numberOf = (old: number) => order[old]
    const places = new Map<number, ReadonlyMap<number, number>>()
    const functions = image.functions.map((f, i): DevsFunction => {
        const named = { ...f, nameIndex: renamed(f.nameIndex, order) }
        if (i === 0) return { ...named, code: renumberedInPlace(f.code, "asciiString", numberOf) }
        const { code, places: moved } = renumbered(f.code, "asciiString", numberOf)
        places.set(i, moved)
        return { ...named, code }
    })
    const asciiStrings: string[] = []
    const table = Buffer.from(image.sections.asciiStrings)
    order.forEach((to, from) => {
        asciiStrings[to] = image.asciiStrings[from]
        table.writeUInt16LE(Buffer.from(image.sections.asciiStrings).readUInt16LE(2 * from), 2 * to)
    })
    return { image: { ...image, functions, asciiStrings, sections: { ...image.sections, asciiStrings: table, specs: renamedSpecs(image, order) } }, places }
}

/** The new number of each string. */
function stringOrder({ functions: [main, ...others], asciiStrings }: DevsImage): number[] {
    const uses = asciiStrings.map(() => 0)
    for (const f of others) for (const { value } of numbersIn(f.code, "asciiString")) uses[value]++
    const order = asciiStrings.map((_, n) => n)
    const pinned = new Set<number>()
    /** They have one byte in `main`. */
    const mustBeShort = new Set<number>()
    for (const { value, width } of numbersIn(main.code, "asciiString")) if (width < 3) (width === 1 ? mustBeShort : pinned).add(value)
    const free = order.filter(n => !pinned.has(n))
    const byUse = [...free].sort((x, y) => uses[y] - uses[x] || x - y)
    let room = free.filter(n => n < FIRST_MULTIBYTE_INT).length - mustBeShort.size
    const isShort = (n: number) => mustBeShort.has(n) || room-- > 0
    const short = byUse.filter(isShort)
    const long = byUse.filter(n => !short.includes(n))
    for (const [i, n] of [...short, ...long].entries()) order[n] = free[i]
    return order
}

function renamed(stringIndex: number, order: readonly number[]): number {
    if (stringIndex >> tableShift !== StringTable.ascii) return stringIndex
    return (StringTable.ascii << tableShift) | order[stringIndex & ((1 << tableShift) - 1)]
}

/** Services, their packets and fields have names too (runtime/devicescript/devs_format.h). */
function renamedSpecs({ sections, specCount }: DevsImage, order: readonly number[]): Uint8Array {
    const specs = Buffer.from(sections.specs)
    const done = new Set<number>()
    const rename = (at: number) => {
        if (!done.has(at)) specs.writeUInt16LE(renamed(specs.readUInt16LE(at), order), at)
        done.add(at)
    }
    for (let at = 0; at < specCount * serviceSpecBytes; at += serviceSpecBytes) {
        rename(at)
        const packets = 4 * specs.readUInt16LE(at + 10)
        for (let n = 0; n < specs.readUInt16LE(at + 8); n++) {
            const packet = packets + n * packetSpecBytes
            rename(packet)
            if (!(specs.readUInt16LE(packet + 4) & multiField)) continue
            for (let field = 4 * specs.readUInt16LE(packet + 6); done.has(field) || specs.readUInt16LE(field) !== 0; field += fieldSpecBytes) rename(field)
        }
    }
    return specs
}
