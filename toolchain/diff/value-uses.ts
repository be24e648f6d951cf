import { builtinStrings } from "../devs/builtins.ts"
import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { stringOf } from "./class-layout.ts"

/** What a program's functions do with the value of a global. */
export interface ValueUses {
    /** something in it may be changed in place: its live state would be lost if it were made anew */
    mutated: boolean
    /** another place may hold it too, and would keep the old one */
    escapes: boolean
    /** fields that are stored to; `*` for a key that is computed */
    readonly storedFields: Set<string>
}

/** Methods of arrays, buffers and strings that leave them as they are. */
const readers: ReadonlySet<string> = new Set([
    "slice", "map", "filter", "forEach", "reduce", "some", "every", "find", "findIndex", "findLast", "findLastIndex", "indexOf",
    "lastIndexOf", "join", "includes", "getAt", "toString", "concat", "at", "equals", "startsWith", "endsWith", "trim", "split",
    "charAt", "charCodeAt", "readUInt16LE", "readUInt16BE", "readUInt32LE", "readUInt32BE", "getBit", "keys",
])
/** Methods that change what they are called on. */
export const changers: ReadonlySet<string> = new Set([
    "push", "insert", "setAt", "fill", "pushRange", "fillAt", "blitAt", "set", "pop", "shift", "unshift", "splice", "sort", "reverse", "rotate", "fillRandom",
])
/** Readers that hand no element of theirs to anybody. */
const blindReaders: ReadonlySet<string> = new Set(["indexOf", "lastIndexOf", "join", "includes", "toString", "equals"])
const harmlessFunctions: ReadonlySet<string> = new Set(["print", "format", "keys", "stringify", "isArray", "sleep", "millis"])

/**
 * Follows the value through the application's functions, without an order of statements: what may be so counts.
 * @param deep elements of the value are objects themselves, so whoever gets one has a part of it
 */
export function valueUses(program: CompiledProgram, global: number, deep: boolean): ValueUses {
    const uses: ValueUses = { mutated: false, escapes: false, storedFields: new Set() }
    const seen = new Set<string>()
    const follow = (f: ProgramFunction, seeds: readonly number[]) => {
        const key = `${f.index}:${seeds.join()}`
        if (seen.has(key)) return
        seen.add(key)
        scan(program, f, global, new Set(seeds), deep, uses, follow)
    }
    for (const f of program.functions) if (f.owner === "app") follow(f, [])
    return uses
}

/** The same for a part of top-level code. */
export function valueUsesIn(program: CompiledProgram, statements: readonly Statement[], global: number, deep: boolean): ValueUses {
    const uses: ValueUses = { mutated: false, escapes: false, storedFields: new Set() }
    const follow = () => {
        uses.mutated = uses.escapes = true
    }
    scan(program, { ...program.functions[0], statements }, global, new Set(), deep, uses, follow)
    return uses
}

function scan(
    program: CompiledProgram,
    f: ProgramFunction,
    global: number,
    locals: Set<number>,
    deep: boolean,
    uses: ValueUses,
    follow: (f: ProgramFunction, seeds: readonly number[]) => void,
): void {
    const isPart = (e: Expr): boolean => {
        if (e.kind === "int") return false
        if (e.op.name === "LOAD_GLOBAL") return e.immediate === global
        if (e.op.name === "LOAD_LOCAL") return locals.has(e.immediate)
        return deep && isField(e) && isPart(e.args[0])
    }
    for (let size = -1; size !== locals.size; ) {
        size = locals.size
        for (const s of f.statements) if (s.op.name === "STORE_LOCAL" && isPart(s.args[0])) locals.add(s.immediate)
    }
    let captures = false
    for (const s of f.statements) {
        visitExprs(s.args, e => {
            if (e.kind !== "op") return
            if (e.op.name === "MAKE_CLOSURE") captures = true
            if (e.op.name === "BIND" && isPart(e.args[1])) uses.mutated = true
            // a method that is called later, when its arguments have been worked out
            if (isField(e) && changers.has(fieldName(program, e) ?? "") && isPart(e.args[0])) uses.mutated = true
        })
        switch (s.op.name) {
            case "STORE_GLOBAL":
            case "RETURN":
            case "THROW":
            case "STORE_RET_VAL":
                if (isPart(s.args[0]) && !(s.op.name === "STORE_GLOBAL" && s.immediate === global)) uses.escapes = true
                break
            case "STORE_CLOSURE":
                if (isPart(s.args[1])) uses.escapes = true
                break
            case "INDEX_SET":
                if (isPart(s.args[0])) {
                    uses.mutated = true
                    uses.storedFields.add(stringOf(program.image, s.args[1]) ?? "*")
                }
                if (isPart(s.args[2])) uses.escapes = true
                break
            case "INDEX_DELETE":
            case "STORE_BUFFER":
                if (isPart(s.args[0])) uses.mutated = true
                break
            default:
                if (s.op.name.startsWith("CALL")) scanCall(program, s.args, isPart, deep, uses, follow)
        }
    }
    if (captures && locals.size) uses.escapes = true
}

function scanCall(
    program: CompiledProgram,
    args: readonly Expr[],
    isPart: (e: Expr) => boolean,
    deep: boolean,
    uses: ValueUses,
    follow: (f: ProgramFunction, seeds: readonly number[]) => void,
): void {
    const [callee, ...values] = args
    if (callee.kind === "op" && isField(callee) && isPart(callee.args[0])) {
        const name = fieldName(program, callee)
        const harmless = deep ? blindReaders : readers
        if (name === undefined || !harmless.has(name)) uses.mutated = true
    }
    const passed = values.flatMap((e, i) => (isPart(e) ? [i] : []))
    if (!passed.length) return
    if (callee.kind === "op" && callee.op.name === "STATIC_FUNCTION" && program.functions[callee.immediate].owner === "app")
        follow(program.functions[callee.immediate], passed)
    else if (!isHarmless(callee)) {
        uses.escapes = true
        uses.mutated = true
    }
}

function isHarmless(callee: Expr): boolean {
    if (callee.kind !== "op") return false
    if (callee.op.name === "MATH_FIELD") return true
    if (["DS_FIELD", "OBJECT_FIELD", "BUILTIN_FIELD"].includes(callee.op.name)) return harmlessFunctions.has(builtinStrings[callee.immediate])
    return false
}

export function isField(e: Expr): boolean {
    return e.kind === "op" && ["INDEX", "BUILTIN_FIELD", "ASCII_FIELD", "UTF8_FIELD"].includes(e.op.name)
}

export function fieldName(program: CompiledProgram, e: Expr): string | undefined {
    if (e.kind !== "op") return undefined
    if (e.op.name === "BUILTIN_FIELD") return builtinStrings[e.immediate]
    if (e.op.name === "ASCII_FIELD") return program.image.asciiStrings[e.immediate]
    if (e.op.name === "UTF8_FIELD") return program.image.utf8Strings[e.immediate]
    return e.op.name === "INDEX" ? stringOf(program.image, e.args[1]) : undefined
}
