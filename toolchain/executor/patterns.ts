import type { Assembler, Expression } from "../devs/assembler.ts"
import { op, type OpName } from "../devs/opcodes.ts"
import { A, accumulatorSlot, B, K, R, registerCount, secondSlot } from "./frame.ts"

/**
 * Fused operations. Their names are their definitions, over a small grammar; every register, global, constant and operator
 * can stand wherever the grammar has one:
 *
 * ```
 * leaf    A | B | R0 … R7 | g<n> | c<n>_<n> | K | constant   a captured variable's slot and level; the next inline operand
 * constant  an integer | a<n> u<n> w<n> d<n> f<n>          string, number or function of the base, by its number
 *           undefined | null | true | false | NAN | INF
 * value   leaf | value.key | <operator> value | value <operator> value | LOAD_BUFFER(value,value,value)
 * key     K | constant                                     in parentheses: values that are not leaves or fields
 * store   A=value | B=value | R<n>=value | g<n>=value | c<n>_<n>=value | value[value]=value
 * buffer  STORE_BUFFER(value,value,value,value)
 * call    [A= | R<n>=]call value(value,…)                  up to eight arguments
 * branch  [loop ]if value | [loop ]if value EQ|NE|LT|LE value
 * count   R<n>=R<n> ADD|SUB leaf; loop if value
 * return  return value
 * ```
 *
 * At most {@link operatorsMax} operators stand in one operation. Which of all these a base has is chosen when it is linked:
 * see choose-operations.ts.
 */
export type Pattern =
    | { readonly kind: "store"; readonly to: string; readonly value: Value }
    | { readonly kind: "set"; readonly object: Value; readonly key: Value; readonly value: Value }
    | { readonly kind: "buffer"; readonly args: readonly Value[] }
    | { readonly kind: "call"; readonly to: string; readonly callee: Value; readonly args: readonly Value[] }
    | { readonly kind: "branch"; readonly condition: Value; readonly isLoop: boolean }
    | { readonly kind: "count"; readonly to: string; readonly value: Value; readonly condition: Value }
    | { readonly kind: "return"; readonly value: Value }

export type Value = { readonly leaf: string } | { readonly operator: OpName; readonly args: readonly Value[] }

/** Operators in one operation: what a base has of larger ones would serve few programs. */
export const operatorsMax = 4

/** Constants that bytecode can hold; the letter says which table of the base's program the number is of. */
const constantLeaf = /^(-?\d+|[auwdf]\d+|undefined|null|true|false|NAN|INF)$/
const leafText = /^(A|B|R[0-7]|g\d+|K|c\d+_\d+)$/
const truths: ReadonlySet<OpName> = new Set<OpName>(["EQ", "NE", "LT", "LE", "NOT", "TO_BOOL", "IS_NULLISH", "IS_UNDEFINED", "IS_NAN", "INSTANCE_OF"])

const parsed = new Map<string, Pattern | undefined>()

/** Reads an operation's name; undefined when it is not a fused operation. */
export function parsePattern(name: string): Pattern | undefined {
    if (!parsed.has(name)) parsed.set(name, parse(name))
    return parsed.get(name)
}

function parse(name: string): Pattern | undefined {
    const reader = new Reader(name.match(/c\d+_\d+|[A-Za-z_]+\d*|-?\d+|[().,[\];=]/g) ?? [], name)
    try {
        const pattern = readPattern(reader)
        return reader.isAtEnd && operatorsOf(pattern) <= operatorsMax ? pattern : undefined
    } catch (e) {
        if (!(e instanceof NoPattern)) throw e
        return undefined
    }
}

class NoPattern extends Error {}

/** The words of a name, one after the other. */
class Reader {
    private at = 0
    private readonly words: readonly string[]

    constructor(words: readonly string[], name: string) {
        this.words = words
        // what is no word of the grammar makes the name another one's
        if (words.join("") !== name.replaceAll(" ", "")) this.words = ["?"]
    }

    get isAtEnd(): boolean {
        return this.at === this.words.length
    }

    peek(ahead = 0): string {
        return this.words[this.at + ahead] ?? ""
    }

    next(): string {
        return this.words[this.at++] ?? ""
    }

    accept(word: string): boolean {
        if (this.peek() !== word) return false
        this.at++
        return true
    }

    expect(word: string): void {
        if (!this.accept(word)) throw new NoPattern()
    }

    list(end: string): Value[] {
        const all: Value[] = []
        if (this.accept(end)) return all
        do all.push(this.value())
        while (this.accept(","))
        this.expect(end)
        return all
    }

    value(): Value {
        const operator = op[this.peek() as OpName]
        if (operator && isUsable(operator.name) && operator.operands === 1) {
            this.next()
            return { operator: operator.name, args: [this.primary()] }
        }
        const left = this.primary()
        const infix = op[this.peek() as OpName]
        if (infix?.operands !== 2 || !isUsable(infix.name)) return left
        this.next()
        return { operator: infix.name, args: [left, this.primary()] }
    }

    primary(): Value {
        let value: Value
        if (this.accept("(")) {
            value = this.value()
            this.expect(")")
        } else if (this.accept("LOAD_BUFFER")) {
            this.expect("(")
            value = { operator: "LOAD_BUFFER", args: this.list(")") }
            if (value.args.length !== 3) throw new NoPattern()
        } else {
            const leaf = this.next()
            if (!leafText.test(leaf) && !constantLeaf.test(leaf)) throw new NoPattern()
            value = { leaf }
        }
        while (this.accept(".")) {
            const leaf = this.next()
            if (leaf !== "K" && !constantLeaf.test(leaf)) throw new NoPattern()
            value = { operator: "INDEX", args: [value, { leaf }] }
        }
        return value
    }
}

function isUsable(name: OpName): boolean {
    return !op[name].isStatement && op[name].immediate === undefined && name !== "LOAD_BUFFER"
}

function readPattern(r: Reader): Pattern {
    if (r.accept("return")) return { kind: "return", value: r.value() }
    if (r.accept("STORE_BUFFER")) {
        r.expect("(")
        const args = r.list(")")
        if (args.length !== 4) throw new NoPattern()
        return { kind: "buffer", args }
    }
    const isLoop = r.accept("loop")
    if (r.accept("if")) return { kind: "branch", condition: r.value(), isLoop }
    if (isLoop) throw new NoPattern()
    if (r.accept("call")) return readCall(r, "")
    if (isDestination(r.peek()) && r.peek(1) === "=") {
        const to = r.next()
        r.next()
        if (r.accept("call")) {
            if (to !== "A" && to[0] !== "R") throw new NoPattern()
            return readCall(r, to)
        }
        const value = r.value()
        if (!r.accept(";")) return { kind: "store", to, value }
        for (const word of ["loop", "if"]) r.expect(word)
        if (!isStep(to, value)) throw new NoPattern()
        return { kind: "count", to, value, condition: r.value() }
    }
    const object = r.value()
    r.expect("[")
    const key = r.value()
    r.expect("]")
    r.expect("=")
    return { kind: "set", object, key, value: r.value() }
}

function readCall(r: Reader, to: string): Pattern {
    const callee = r.primary()
    r.expect("(")
    const args = r.list(")")
    if (args.length > 8) throw new NoPattern()
    return { kind: "call", to, callee, args }
}

function isDestination(text: string): boolean {
    return /^(A|B|R[0-7]|g\d+|c\d+_\d+)$/.test(text)
}

/** Whether a store is the step of a counter. */
function isStep(to: string, value: Value): boolean {
    if (to[0] !== "R" || !("operator" in value) || (value.operator !== "ADD" && value.operator !== "SUB")) return false
    const [left, right] = value.args
    return "leaf" in left && left.leaf === to && "leaf" in right
}

/** The values that stand in an operation, from left to right. */
export function valuesOf(p: Pattern): Value[] {
    switch (p.kind) {
        case "store":
        case "return":
            return [p.value]
        case "set":
            return [p.object, p.key, p.value]
        case "buffer":
            return [...p.args]
        case "call":
            return [p.callee, ...p.args]
        case "branch":
            return [p.condition]
        case "count":
            return [p.value, p.condition]
    }
}

function operatorsOf(p: Pattern): number {
    const count = (v: Value): number => ("leaf" in v ? 0 : v.args.reduce((n, a) => n + count(a), 1))
    // a counter's step and what a branch compares are what these operations are for
    const free = p.kind === "count" ? 2 : p.kind === "branch" ? 1 : 0
    return valuesOf(p).reduce((n, v) => n + count(v), 0) - free
}

const kinds: Readonly<Record<string, readonly OpName[]>> = {
    op: ["ADD", "SUB", "MUL", "DIV", "BIT_AND", "BIT_OR", "BIT_XOR", "SHIFT_LEFT", "SHIFT_RIGHT", "SHIFT_RIGHT_UNSIGNED"],
    is: ["EQ", "NE", "LT", "LE", "INSTANCE_OF", "APPROX_EQ", "APPROX_NE"],
}
const kindOf = new Map(Object.entries(kinds).flatMap(([kind, names]) => names.map(name => [name, kind] as const)))

/**
 * What an operation does, whatever it does it with: `_` stands for every register, global, captured variable and constant,
 * `op` for arithmetic, `is` for what compares, `un` for an operator with one operand.
 */
export function formOf(p: Pattern): string {
    const inner = (v: Value): string => ("leaf" in v || isAccess(v) ? outer(v) : `(${outer(v)})`)
    const outer = (v: Value): string => {
        if ("leaf" in v) return "_"
        const args = v.args.map(inner)
        if (v.operator === "INDEX") return isField(v) ? `${args[0]}._` : `${args[0]}[${outer(v.args[1])}]`
        if (args.length === 3) return `${v.operator}(${v.args.map(outer).join(",")})`
        return args.length === 1 ? `un ${args[0]}` : `${args[0]} ${kindOf.get(v.operator) ?? v.operator} ${args[1]}`
    }
    const [first, ...rest] = valuesOf(p)
    switch (p.kind) {
        case "store":
            return `_=${outer(first)}`
        case "set":
            return `${inner(first)}[${outer(rest[0])}]=${outer(rest[1])}`
        case "buffer":
            return `STORE_BUFFER(${[first, ...rest].map(outer).join(",")})`
        case "call":
            return `${p.to && "_="}call ${inner(first)}(${rest.map(outer).join(",")})`
        case "branch":
            return `${p.isLoop ? "loop " : ""}if ${outer(first)}`
        case "count":
            return `_=${outer(first)}; loop if ${outer(rest[0])}`
        case "return":
            return `return ${outer(first)}`
    }
}

function isAccess(v: Value): boolean {
    return "operator" in v && (v.operator === "INDEX" || v.operator === "LOAD_BUFFER")
}

/** Whether a value is a field with a constant name or number. */
function isField(v: Value): boolean {
    const key = "operator" in v ? v.args[1] : undefined
    return key !== undefined && "leaf" in key && (key.leaf === "K" || constantLeaf.test(key.leaf))
}

/** Words of the code array that an operation's inline operands take. */
export function inlineOperands(p: Pattern): number {
    const count = (v: Value): number => ("leaf" in v ? Number(v.leaf === "K") : v.args.reduce((n, a) => n + count(a), 0))
    return valuesOf(p).reduce((n, v) => n + count(v), 0)
}

/** Makes expressions of one operation's values; inline operands are counted from left to right. */
export class PatternReader {
    private operands = 0

    value(v: Value): Expression {
        if ("leaf" in v) return this.leaf(v.leaf)
        const [first, ...rest] = v.args
        const object = this.value(first)
        const [key] = rest
        if (v.operator === "INDEX" && "leaf" in key && /^[auw]\d+$/.test(key.leaf)) return [fieldOperators[key.leaf[0]], Number(key.leaf.slice(1)), object]
        return [v.operator, object, ...rest.map(a => this.value(a))]
    }

    condition(v: Value): Expression {
        const isTruth = "operator" in v && truths.has(v.operator)
        return ["TO_INT", isTruth ? this.value(v) : ["TO_BOOL", this.value(v)]]
    }

    private leaf(text: string): Expression {
        if (constants[text]) return [constants[text]]
        if (text[0] === "c") return ["LOAD_CLOSURE", ...capturedOf(text)]
        const n = Number(text.slice(1))
        switch (text[0]) {
            case "A":
                return A
            case "B":
                return B
            case "K":
                return K(++this.operands)
            case "R":
                return R(n)
            case "g":
                return ["LOAD_GLOBAL", n]
            case "a":
                return ["STATIC_ASCII_STRING", n]
            case "u":
                return ["STATIC_UTF8_STRING", n]
            case "w":
                return ["STATIC_BUILTIN_STRING", n]
            case "d":
                return ["LITERAL_F64", n]
            case "f":
                return ["STATIC_FUNCTION", n]
            default:
                return Number(text)
        }
    }
}

/** Slot and level of a captured variable's leaf. */
function capturedOf(text: string): [slot: number, levels: number] {
    const [slot, levels] = text.slice(1).split("_").map(Number)
    return [slot, levels]
}

const constants: Readonly<Record<string, OpName>> = { undefined: "UNDEFINED", null: "NULL", true: "TRUE", false: "FALSE", NAN: "NAN", INF: "INF" }
const fieldOperators: Readonly<Record<string, OpName>> = { a: "ASCII_FIELD", u: "UTF8_FIELD", w: "BUILTIN_FIELD" }

/** Stores a value in a leaf. */
export function emitStore(a: Assembler, to: string, value: Expression): void {
    if (to === "A") a.emit("STORE_LOCAL", accumulatorSlot, value)
    else if (to === "B") a.emit("STORE_LOCAL", secondSlot, value)
    else if (to[0] === "R") a.emit("STORE_LOCAL", Number(to.slice(1)), value)
    else if (to[0] === "c") {
        const [slot, levels] = capturedOf(to)
        a.emit("STORE_CLOSURE", slot, levels, value)
    } else a.emit("STORE_GLOBAL", Number(to.slice(1)), value)
}

/** Names of globals that an operation uses. */
export function globalsOf(name: string): number[] {
    return [...name.matchAll(/\bg(\d+)/g)].map(m => Number(m[1]))
}

/** What an operation changes: "A", "B", a register or a global; undefined for none of them. */
export function destinationOf(name: string): string | undefined {
    return /^(A|B|R\d|g\d+|cell|L\d+|c\d+(?:_\d+)?)=/.exec(name)?.[1]
}

export const allRegisters = Array.from({ length: registerCount }, (_, i) => i)
