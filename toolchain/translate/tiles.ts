import type { Expr } from "../devs/code.ts"
import { op, type OpName } from "../devs/opcodes.ts"
import { operatorsMax } from "../executor/patterns.ts"
import type { Emitter } from "./emitter.ts"
import type { Operand } from "./guest-code.ts"
import { constantKey, constantOf, evaluate, fieldOf, operands, variableOf } from "./select.ts"

/**
 * Covers expressions with the operations that a base has. An operation covers the top of an expression, its *tile*; what is
 * below it and not a leaf is worked out before and read from A, or from B and A. Of all tiles the one is taken with which
 * the whole expression needs the fewest instructions: each costs a dispatch, which is dearer than most of what they do.
 */
export interface Tile {
    readonly name: string
    readonly operands: readonly Operand[]
    /** what has to be worked out first */
    readonly holes: readonly Expr[]
    readonly cost: number
}

/** One way to write an expression in an operation's name. */
interface Part {
    /** with a {@link hole} for each value that comes through A or B */
    readonly text: string
    readonly isPrimary: boolean
    readonly operands: readonly Operand[]
    readonly holes: readonly Expr[]
    readonly operators: number
    readonly throws: boolean
    readonly readsA: boolean
}

const hole = "?"
const holesMax = 2
/** Instructions that what has operations of its own needs, about. */
const specialCost = 3

/** Names that an operation with these values may have, the best first, and what it costs with what comes behind it. */
export type Naming = (texts: readonly string[]) => readonly (readonly [name: string, cost: number])[]

export interface TileOptions {
    /** the values themselves may come through A and B: there is an operation around them */
    readonly isInner?: boolean
    /** operators that the operation does not count */
    readonly freeOperators?: number
}

/** The cheapest operation for these values; undefined when the base has none. */
export function bestTile(em: Emitter, values: readonly Expr[], naming: Naming, options: TileOptions = {}): Tile | undefined {
    // leaves are loaded into A or B only where no operation reads them where they are
    return cheapest(em, values, naming, options, false) ?? cheapest(em, values, naming, options, true)
}

function cheapest(em: Emitter, values: readonly Expr[], naming: Naming, { isInner = false, freeOperators = 0 }: TileOptions, loadsLeaves: boolean): Tile | undefined {
    let best: Tile | undefined
    const limit = operatorsMax + freeOperators
    const choices = values.map(v => [...partsOf(em, v, limit, loadsLeaves), ...(isInner ? holePart(em, v, loadsLeaves) : [])])
    for (const combination of combinations(choices, limit)) {
        const texts = filled(combination)
        const holes = combination.flatMap(p => p.holes)
        const base = holesCost(em, holes)
        for (const [name, cost] of naming(texts)) {
            if (best && best.cost <= base + cost) continue
            if (em.has(name)) best = { name, operands: combination.flatMap(p => p.operands), holes, cost: base + cost }
        }
    }
    return best
}

/** Works out what the operation needs and emits it. */
export function emitTile(em: Emitter, tile: Tile, ...more: Operand[]): void {
    const [first, second] = tile.holes
    if (second) operands(em, first, second)
    else if (first) evaluate(em, first)
    em.emit(tile.name, ...tile.operands, ...more)
}

/** Instructions that working out a value in A takes. */
export function costOf(em: Emitter, e: Expr): number {
    const variable = variableOf(e)
    if (variable !== undefined) return em.isMirrored(variable) ? 0 : 1
    return em.costs.get(e) ?? remember(em, e, bestTile(em, [e], ([text]) => [[`A=${text}`, 1]])?.cost ?? specialCost + argsOf(e).reduce((n, a) => n + costOf(em, a), 0))
}

function remember(em: Emitter, e: Expr, cost: number): number {
    em.costs.set(e, cost)
    return cost
}

function argsOf(e: Expr): readonly Expr[] {
    return e.kind === "int" ? [] : e.args
}

function holesCost(em: Emitter, holes: readonly Expr[]): number {
    const cost = holes.reduce((n, h) => n + costOf(em, h), 0)
    // one of two waits while the other is worked out
    return holes.length === 2 && em.clobbersB(holes[1]) ? cost + 2 : cost
}

/** Puts A in the only hole, B and A in two. */
function filled(parts: readonly Part[]): string[] {
    const count = parts.reduce((n, p) => n + p.holes.length, 0)
    let seen = 0
    return parts.map(p => p.text.replaceAll(hole, () => (++seen < count ? "B" : "A")))
}

/** The ways to write an expression with at most so many operators. */
function partsOf(em: Emitter, e: Expr, operatorsLeft: number, loadsLeaves: boolean): Part[] {
    const found = leafParts(em, e)
    const node = operatorsLeft > 0 && found.length === 0 ? nodeOf(em, e) : undefined
    if (!node) return found
    const children = node.args.map(a => [...partsOf(em, a, operatorsLeft - 1, loadsLeaves), ...holePart(em, a, loadsLeaves)])
    for (const combination of combinations(children, operatorsLeft - 1)) {
        const texts = combination.map(p => (p.isPrimary ? p.text : `(${p.text})`))
        for (const key of node.key ? constantParts(em, node.key) : [undefined])
            found.push({
                text: key ? `${texts[0]}.${key.text}` : infix(node.name, texts, combination),
                isPrimary: key !== undefined || node.name === "LOAD_BUFFER",
                operands: [...combination.flatMap(p => p.operands), ...(key?.operands ?? [])],
                holes: combination.flatMap(p => p.holes),
                operators: combination.reduce((n, p) => n + p.operators, 1),
                throws: throwing.has(node.name) || combination.some(p => p.throws),
                readsA: combination.some(p => p.readsA),
            })
    }
    return found
}

function infix(name: OpName, texts: readonly string[], parts: readonly Part[]): string {
    if (texts.length === 3) return `${name}(${parts.map(p => p.text).join(",")})`
    return texts.length === 2 ? `${texts[0]} ${name} ${texts[1]}` : `${name} ${texts[0]}`
}

/** Every choice of one part for each value that fits in one operation and does not change what is thrown first. */
function* combinations(choices: readonly (readonly Part[])[], operatorsLeft: number, chosen: readonly Part[] = []): Generator<readonly Part[]> {
    if (chosen.length === choices.length) {
        const holes = chosen.reduce((n, p) => n + p.holes.length, 0)
        if (holes === 0 || (holes <= holesMax && !chosen.some(p => p.readsA))) yield chosen
        return
    }
    for (const part of choices[chosen.length]) {
        if (part.operators > operatorsLeft) continue
        // what is worked out before must not throw before what stands left of it in the operation
        if (part.holes.some(canThrow) && chosen.some(p => p.throws)) continue
        yield* combinations(choices, operatorsLeft - part.operators, [...chosen, part])
    }
}

function leaf(text: string, operands: readonly Operand[] = [], readsA = false): Part {
    return { text, isPrimary: true, operands, holes: [], operators: 0, throws: false, readsA }
}

function holePart(em: Emitter, e: Expr, loadsLeaves: boolean): Part[] {
    if (!loadsLeaves && leafParts(em, e).length) return []
    return [{ text: hole, isPrimary: true, operands: [], holes: [e], operators: 0, throws: false, readsA: false }]
}

/** The operand that an expression is where an operation can read it without more code. */
export function leafParts(em: Emitter, e: Expr): Part[] {
    const lent = em.lentTo(e)
    if (lent !== undefined) return [leaf(lent)]
    const constant = constantOf(em, e)
    if (constant) return constantParts(em, constant)
    const variable = variableOf(e)
    if (variable !== undefined) {
        const place = em.placeOf(variable)
        if (place && "register" in place) return [leaf(`R${place.register}`)]
        return em.isMirrored(variable) ? [leaf("A", [], true)] : []
    }
    if (e.kind === "op" && e.op.name === "LOAD_CLOSURE") {
        const captured = capturedName(em, e.immediate, e.args[0])
        return captured === undefined ? [] : [leaf(captured)]
    }
    if (e.kind !== "op" || e.op.name !== "LOAD_GLOBAL") return []
    const g = em.scope.global(e.immediate)
    return "base" in g ? [leaf(`g${g.base}`)] : []
}

/** How operations name a captured variable. */
export function capturedName(em: Emitter, slotInSource: number, level: Expr): string | undefined {
    if (level.kind !== "int") return undefined
    const { slot, levels } = em.scope.captured(slotInSource, level.value)
    return `c${slot}_${levels}`
}

/** A constant in the operation itself, or as an operand of the instruction. */
function constantParts(em: Emitter, constant: Operand): Part[] {
    const inline = em.scope.inline(constant)
    const operand = leaf("K", [constant])
    return inline === undefined ? [operand] : [leaf(inline), operand]
}

interface Node {
    readonly name: OpName
    readonly args: readonly Expr[]
    /** of a field with a constant name */
    readonly key?: Operand
}

/** An expression as an operator with its operands; undefined for a leaf, and for what has operations of its own. */
export function nodeOf(em: Emitter, e: Expr): Node | undefined {
    if (e.kind === "int") return undefined
    const field = fieldOf(em, e)
    if (field) {
        const key = constantKey(em, field.key)
        if (!key) {
            const computed = field.key as Expr
            return em.scope.hasNewFields && !isNumeric(computed) ? undefined : { name: "INDEX", args: [field.object, computed] }
        }
        const isNoPlain = key.kind === "string" && (em.scope.isNewField(key.text) || em.scope.isMigratedField(key.text))
        return isNoPlain ? undefined : { name: "INDEX", args: [field.object], key }
    }
    if (e.op.name === "LOAD_BUFFER") return constantOf(em, e.args[1]) ? { name: "LOAD_BUFFER", args: e.args } : undefined
    const isOperator = !e.op.isStatement && e.op.immediate === undefined && (e.args.length === 1 || e.args.length === 2)
    return isOperator ? { name: e.op.name, args: e.args } : undefined
}

const numeric: ReadonlySet<OpName> = new Set<OpName>(["SUB", "MUL", "DIV", "BIT_AND", "BIT_OR", "BIT_XOR", "SHIFT_LEFT", "SHIFT_RIGHT", "SHIFT_RIGHT_UNSIGNED"])

/** Whether a key is a number for sure, and so no field's name. */
function isNumeric(key: Expr): boolean {
    return key.kind === "int" || (key.kind === "op" && numeric.has(key.op.name))
}

const throwing: ReadonlySet<OpName> = new Set<OpName>(["INDEX", "ASCII_FIELD", "UTF8_FIELD", "BUILTIN_FIELD", "LOAD_BUFFER", "INSTANCE_OF", "NEW", "BIND"])

/** Whether working out an expression can end in an exception. */
export function canThrow(e: Expr): boolean {
    return e.kind === "op" && (throwing.has(e.op.name) || e.args.some(canThrow))
}

/** The same expression under another operator. */
export function withOperator(name: OpName, args: readonly Expr[]): Expr {
    return { kind: "op", op: op[name], immediate: -1, args }
}
