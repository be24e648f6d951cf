import { builtinStrings } from "../devs/builtins.ts"
import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { stringOf } from "../diff/class-layout.ts"
import { heldMethod } from "../diff/reach.ts"
import { fieldName } from "../diff/value-uses.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"

/**
 * Functions that never wait, by what they call: from their first operation to their last no other code runs, so no image
 * is put in or taken out meanwhile. Only what shows in the code counts; who calls a value that it is given may wait.
 */
export function neverWaiting(program: CompiledProgram): NeverWaiting {
    const members = definedMembers(program)
    const candidates = new Set(program.functions.filter(f => f.owner === "app" || f.owner === "library").map(f => f.index))
    for (let size = -1; size !== candidates.size; ) {
        size = candidates.size
        for (const i of candidates) if (!keepsOn(program, program.functions[i].statements, candidates, members)) candidates.delete(i)
    }
    return {
        functions: candidates,
        hasLoop: (statements, headPc) => {
            const head = statements.findIndex(s => s.pc === headPc)
            const end = statements.findLastIndex(s => s.op.name === "JMP" && s.immediate === headPc)
            return keepsOn(program, statements.slice(head, end), candidates, members)
        },
        mayWait: (statements, k) => !callKeepsOn(program, statements, k, candidates, members),
    }
}

export interface NeverWaiting {
    readonly functions: ReadonlySet<number>
    /** whether the loop with this head, of all statements of a function, is one that never waits */
    hasLoop(statements: readonly Statement[], headPc: number): boolean
    /** whether a call of a function's statements may wait */
    mayWait(statements: readonly Statement[], k: number): boolean
}

/** Members of the VM's own objects that come back at once. */
const nativeMethods: ReadonlySet<string> = new Set([
    "push", "insert", "slice", "charCodeAt", "setAt", "getAt", "blitAt", "fillAt", "toString", "isArray", "alloc", "stringify", "parse", "fromCharCode",
])
/** Those of fibers and pins: a program may have members of the same names. */
const nativeWaits: ReadonlySet<string> = new Set(["start", "resume", "terminate", "suspend", "setMode", "sleep", "delay"])
const nativeFunctions: ReadonlySet<string> = new Set(["format", "print", "millis"])

type Members = ReadonlyMap<string, readonly number[] | "unknown">

function keepsOn(program: CompiledProgram, statements: readonly Statement[], known: ReadonlySet<number>, members: Members): boolean {
    return statements.every((_, k) => callKeepsOn(program, statements, k, known, members))
}

function callKeepsOn(program: CompiledProgram, statements: readonly Statement[], k: number, known: ReadonlySet<number>, members: Members): boolean {
    const s = statements[k]
    if (!s.op.name.startsWith("CALL")) return true
    const callee = heldMethod(statements, k) ?? s.args[0]
    if (callee.kind !== "op") return false
    const target = callee.op.name === "NEW" ? callee.args[0] : callee
    if (target.kind !== "op") return false
    switch (target.op.name) {
        case "STATIC_FUNCTION":
            return known.has(target.immediate)
        case "MATH_FIELD":
        case "OBJECT_FIELD":
            return true
        case "DS_FIELD":
            return nativeFunctions.has(builtinStrings[target.immediate])
        case "BUILTIN_FIELD":
        case "ASCII_FIELD":
        case "UTF8_FIELD": {
            const name = fieldName(program, target)!
            const defined = members.get(name)
            if (!defined) return nativeMethods.has(name)
            return defined !== "unknown" && !nativeWaits.has(name) && defined.every(i => known.has(i))
        }
        default:
            return false
    }
}

/** Functions that the program gives to prototypes and objects, by the member's name; "unknown" for values that it works out. */
function definedMembers(program: CompiledProgram): Map<string, readonly number[] | "unknown"> {
    const members = new Map<string, readonly number[] | "unknown">()
    const add = (name: string, value: Expr) => {
        const before = members.get(name) ?? []
        const isFunction = value.kind === "op" && value.op.name === "STATIC_FUNCTION"
        // numbers, strings and the like cannot be called
        if (!isFunction && (value.kind === "int" || isPlain(value))) return
        members.set(name, isFunction && before !== "unknown" ? [...before, value.immediate] : "unknown")
    }
    for (const f of program.functions)
        for (const s of f.statements) {
            if (s.op.name !== "INDEX_SET") continue
            const name = stringOf(program.image, s.args[1])
            if (name !== undefined) add(name, s.args[2])
        }
    return members
}

function isPlain(e: Expr): boolean {
    let plain = true
    visitExprs([e], x => {
        if (x.kind === "op" && /^(LOAD|RET_VAL|MAKE_CLOSURE|BIND|INDEX|STATIC_FUNCTION|NEW|DS_FIELD|BUILTIN_FIELD|ASCII_FIELD|UTF8_FIELD|OBJECT_FIELD|MATH_FIELD)/.test(x.op.name)) plain = false
    })
    return plain
}
