import type { Assembler, Expression } from "../devs/assembler.ts"
import { op, type OpName } from "../devs/opcodes.ts"
import { A, accumulatorSlot, B, K, R, registerCount, secondSlot } from "./frame.ts"

/**
 * Fused operations. Their names are their definitions, over a small grammar; every register, global and operator can
 * stand wherever the grammar has one:
 *
 * ```
 * leaf    A | B | R0 … R7 | g<n> | K | 0 | 1 | R<n>.K | g<n>.K        K: the next inline operand; .K: a field of it
 * value   leaf | <operator> leaf | leaf <operator> leaf
 * store   A=value | B=value | R<n>=value | g<n>=value | leaf[leaf]=leaf
 * call    [A= | R<n>=]call leaf(leaf,…)                               up to eight arguments
 * branch  [loop ]if leaf | [loop ]if leaf EQ|NE|LT|LE leaf
 * count   R<n>=R<n> ADD|SUB leaf; loop if leaf LT|LE leaf
 * return  return value
 * ```
 *
 * Which of them a base has is chosen when it is linked: see choose-operations.ts.
 */
export type Pattern =
    | { readonly kind: "store"; readonly to: string; readonly value: string }
    | { readonly kind: "set"; readonly object: string; readonly key: string; readonly value: string }
    | { readonly kind: "call"; readonly to: string; readonly callee: string; readonly args: readonly string[] }
    | { readonly kind: "branch"; readonly condition: string; readonly isLoop: boolean }
    | { readonly kind: "count"; readonly to: string; readonly value: string; readonly condition: string }
    | { readonly kind: "return"; readonly value: string }

const leaf = /^(A|B|R[0-7]|g\d+|K|0|1|(R[0-7]|g\d+|A|B)\.K)$/
const comparison = /^(EQ|NE|LT|LE)$/

const parsed = new Map<string, Pattern | undefined>()

/** Reads an operation's name; undefined when it is not a fused operation. */
export function parsePattern(name: string): Pattern | undefined {
    if (!parsed.has(name)) parsed.set(name, parse(name))
    return parsed.get(name)
}

function parse(name: string): Pattern | undefined {
    let m = /^(R[0-7])=(\1 (?:ADD|SUB) \S+); loop if (.*)$/.exec(name)
    if (m && isValue(m[2]) && isCondition(m[3])) return { kind: "count", to: m[1], value: m[2], condition: m[3] }
    m = /^(loop )?if (.*)$/.exec(name)
    if (m) return isCondition(m[2]) ? { kind: "branch", condition: m[2], isLoop: m[1] !== undefined } : undefined
    m = /^(?:(A|R[0-7])=)?call ([^(]*)\((.*)\)$/.exec(name)
    if (m) {
        const args = m[3] === "" ? [] : m[3].split(",")
        const fits = leaf.test(m[2]) && args.length <= 8 && args.every(a => leaf.test(a) && (!a.includes(".") || args.length === 1))
        return fits ? { kind: "call", to: m[1] ?? "", callee: m[2], args } : undefined
    }
    m = /^return (.*)$/.exec(name)
    if (m) return isValue(m[1]) ? { kind: "return", value: m[1] } : undefined
    m = /^([^[]*)\[([^\]]*)\]=(.*)$/.exec(name)
    if (m) {
        const isPlain = (x: string) => leaf.test(x) && !x.includes(".")
        return m.slice(1).every(isPlain) ? { kind: "set", object: m[1], key: m[2], value: m[3] } : undefined
    }
    m = /^(A|B|R[0-7]|g\d+)=(.*)$/.exec(name)
    return m && isValue(m[2]) ? { kind: "store", to: m[1], value: m[2] } : undefined
}

function isValue(text: string): boolean {
    const parts = text.split(" ")
    if (parts.length === 1) return leaf.test(text)
    const operator = op[(parts.length === 2 ? parts[0] : parts[1]) as OpName]
    if (!operator || operator.isStatement || operator.immediate !== undefined) return false
    if (parts.length === 2) return operator.operands === 1 && leaf.test(parts[1])
    return parts.length === 3 && operator.operands === 2 && leaf.test(parts[0]) && leaf.test(parts[2])
}

function isCondition(text: string): boolean {
    const parts = text.split(" ")
    if (parts.length === 1) return leaf.test(text)
    return parts.length === 3 && leaf.test(parts[0]) && comparison.test(parts[1]) && leaf.test(parts[2])
}

/** Reads leaves and values of one operation; inline operands are counted from left to right. */
export class PatternReader {
    operands = 0

    leaf(text: string): Expression {
        if (text.endsWith(".K")) return ["INDEX", this.leaf(text.slice(0, -2)), K(++this.operands)]
        switch (text[0]) {
            case "A":
                return A
            case "B":
                return B
            case "K":
                return K(++this.operands)
            case "R":
                return R(Number(text.slice(1)))
            case "g":
                return ["LOAD_GLOBAL", Number(text.slice(1))]
            default:
                return Number(text)
        }
    }

    value(text: string): Expression {
        const parts = text.split(" ")
        if (parts.length === 1) return this.leaf(text)
        if (parts.length === 2) return [parts[0] as OpName, this.leaf(parts[1])]
        const left = this.leaf(parts[0])
        return [parts[1] as OpName, left, this.leaf(parts[2])]
    }

    condition(text: string): Expression {
        return ["TO_INT", text.includes(" ") ? this.value(text) : ["TO_BOOL", this.leaf(text)]]
    }
}

/** Stores a value in a leaf. */
export function emitStore(a: Assembler, to: string, value: Expression): void {
    if (to === "A") a.emit("STORE_LOCAL", accumulatorSlot, value)
    else if (to === "B") a.emit("STORE_LOCAL", secondSlot, value)
    else if (to[0] === "R") a.emit("STORE_LOCAL", Number(to.slice(1)), value)
    else a.emit("STORE_GLOBAL", Number(to.slice(1)), value)
}

/** Names of globals that an operation uses. */
export function globalsOf(name: string): number[] {
    return [...name.matchAll(/\bg(\d+)/g)].map(m => Number(m[1]))
}

/** What an operation changes: "A", "B", a register or a global; undefined for none of them. */
export function destinationOf(name: string): string | undefined {
    return /^(A|B|R\d|g\d+|cell|L\d+|c\d+)=/.exec(name)?.[1]
}

export const allRegisters = Array.from({ length: registerCount }, (_, i) => i)
