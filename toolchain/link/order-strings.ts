import { Assembler, encodeIntIn } from "../devs/assembler.ts"
import { decodeCode, type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { type DevsFunction, type DevsImage, StringTable } from "../devs/image.ts"
import { FIRST_MULTIBYTE_INT } from "../devs/opcodes.ts"
import { placeOf, reassemble } from "../devs/reassemble.ts"

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
    const places = new Map<number, ReadonlyMap<number, number>>()
    const functions = image.functions.map((f, i): DevsFunction => {
        const named = { ...f, nameIndex: renamed(f.nameIndex, order) }
        if (i === 0) return { ...named, code: renumberInPlace(f.code, order) }
        const { code, places: moved } = renumber(f.code, order)
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
    for (const f of others) forEachString(decodeCode(f.code), n => void uses[n]++)
    const order = asciiStrings.map((_, n) => n)
    const pinned = new Set<number>()
    /** They have one byte in `main`. */
    const mustBeShort = new Set<number>()
    for (const { index, width } of stringsIn(main.code)) if (width < 3) (width === 1 ? mustBeShort : pinned).add(index)
    const free = order.filter(n => !pinned.has(n))
    const byUse = [...free].sort((x, y) => uses[y] - uses[x] || x - y)
    let room = free.filter(n => n < FIRST_MULTIBYTE_INT).length - mustBeShort.size
    const isShort = (n: number) => mustBeShort.has(n) || room-- > 0
    const short = byUse.filter(isShort)
    const long = byUse.filter(n => !short.includes(n))
    for (const [i, n] of [...short, ...long].entries()) order[n] = free[i]
    return order
}

interface StringUse {
    readonly index: number
    /** offset of the number in the code */
    readonly at: number
    /** bytes of the number */
    readonly width: number
}

function stringsIn(code: Uint8Array): StringUse[] {
    const found: StringUse[] = []
    for (const s of decodeCode(code))
        visitExprs(s.args, e => {
            if (e.kind !== "op" || e.op.immediate !== "asciiString") return
            const at = e.pc! + 1
            found.push({ index: e.immediate, at, width: code[at] < FIRST_MULTIBYTE_INT ? 1 : 2 + (code[at] & 3) })
        })
    return found
}

function renumberInPlace(code: Uint8Array, order: readonly number[]): Uint8Array {
    const changed = Uint8Array.from(code)
    for (const { index, at, width } of stringsIn(code)) changed.set(encodeIntIn(width, order[index]), at)
    return changed
}

function forEachString(statements: readonly Statement[], use: (index: number) => void): void {
    for (const s of statements)
        visitExprs(s.args, e => {
            if (e.kind === "op" && e.op.immediate === "asciiString") use(e.immediate)
        })
}

function renumber(code: Uint8Array, order: readonly number[]): { code: Uint8Array; places: ReadonlyMap<number, number> } {
    const inExpression = (e: Expr): Expr =>
        e.kind === "int" ? e : { ...e, args: e.args.map(inExpression), immediate: e.op.immediate === "asciiString" ? order[e.immediate] : e.immediate }
    const statements = decodeCode(code).map(s => ({ ...s, args: s.args.map(inExpression) }))
    const a = new Assembler()
    reassemble(a, statements)
    // a jump may lead behind the last statement
    a.label("end")
    const finished = a.finish()
    return { code: finished.code, places: new Map(statements.map(s => [s.pc, finished.labels.get(placeOf(s.pc))!])) }
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
