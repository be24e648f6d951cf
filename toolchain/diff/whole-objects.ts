import { builtinStrings } from "../devs/builtins.ts"
import { type Expr, replaceExprs, type Statement, visitExprs } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"

/**
 * Code that touches all of an object at once, whatever its fields are called: `{...p}`, `const { x, ...rest } = p`,
 * `Object.keys(p)`, `JSON.stringify(p)`. The same code, which has the resident bring the object up right before.
 *
 * @param slots locals of the function
 */
export function bringsUpWhole(program: CompiledProgram, statements: readonly Statement[], slots: number): readonly Statement[] {
    const touched = statements.map(objectsTouched)
    if (touched.every(t => t.length === 0)) return statements
    const { index } = program.functions.find(f => f.owner === "resident" && f.name === "bringUp")!
    const bringUp: Expr = { kind: "op", op: op.STATIC_FUNCTION, immediate: index, args: [] }
    const spare = firstFreeLocal(statements, slots)
    return statements.flatMap((s, i) => {
        if (!touched[i].length) return [s]
        // the result of the call before, which these calls would spoil
        const args = s.args.map(e => replaceResult(e, spare))
        const usesResult = args.some((e, k) => e !== s.args[k])
        const looks = touched[i].map(object => ({ op: op.CALL2, immediate: -1, args: [bringUp, replaceResult(object, spare), allFields] }))
        const before = usesResult ? [{ op: op.STORE_LOCAL, immediate: spare, args: [result] }, ...looks] : looks
        const step = 0.2 / (before.length + 1)
        // what jumps here comes to the first of them
        return [...before.map((b, n): Statement => ({ ...b, pc: s.pc + n * step, end: s.pc })), { ...s, args, pc: s.pc + before.length * step }]
    })
}

const result: Expr = { kind: "op", op: op.RET_VAL, immediate: -1, args: [] }

function firstFreeLocal(statements: readonly Statement[], slots: number): number {
    let free = slots
    for (const s of statements) {
        if (s.op.immediate === "local") free = Math.max(free, s.immediate + 1)
        visitExprs(s.args, e => {
            if (e.kind === "op" && e.op.immediate === "local") free = Math.max(free, e.immediate + 1)
        })
    }
    return free
}

function replaceResult(e: Expr, local: number): Expr {
    return replaceExprs(e, x => (x.op.name === "RET_VAL" ? { kind: "op", op: op.LOAD_LOCAL, immediate: local, args: [] } : undefined))
}

/** What the resident takes for all fields; see `bringUp` of src/hotswap/migration.ts. */
const allFields: Expr = { kind: "int", value: 0 }

/** Objects that a statement hands to a built-in function which looks at all of their fields; only those that can be worked out twice. */
function objectsTouched(s: Statement): Expr[] {
    if (!/^CALL\d$/.test(s.op.name)) return []
    const [callee, ...args] = s.args
    if (callee.kind !== "op" || (callee.op.name !== "OBJECT_FIELD" && callee.op.name !== "BUILTIN_FIELD")) return []
    const name = builtinStrings[callee.immediate]
    const objects = callee.op.name === "OBJECT_FIELD" ? (name === "assign" ? args.slice(1) : ["keys", "values"].includes(name) ? args : []) : name === "stringify" ? args.slice(0, 1) : []
    return objects.filter(isPlace)
}

function isPlace(e: Expr): boolean {
    if (e.kind !== "op") return false
    if (["LOAD_LOCAL", "LOAD_GLOBAL", "LOAD_CLOSURE"].includes(e.op.name)) return true
    if (!["INDEX", "ASCII_FIELD", "UTF8_FIELD", "BUILTIN_FIELD"].includes(e.op.name)) return false
    return e.args.every((a, i) => a.kind === "int" || isPlace(a) || (i > 0 && a.kind === "op" && a.op.name.includes("STRING")))
}
