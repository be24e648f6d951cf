import { builtinStrings } from "../devs/builtins.ts"
import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { liveness, RETURN_VALUE } from "../translate/liveness.ts"
import { tryRegions } from "../translate/try-regions.ts"

/**
 * Code that touches all of an object at once, whatever its fields are called: `{...p}`, `const { x, ...rest } = p`,
 * `Object.keys(p)`, `JSON.stringify(p)`. The same code, which has the resident bring the object up before.
 */
export function bringsUpWhole(program: CompiledProgram, statements: readonly Statement[]): readonly Statement[] {
    const touched = statements.map(objectsTouched)
    if (touched.every(t => t.length === 0)) return statements
    const live = liveness(statements, tryRegions(statements).around)
    const targets = new Set(statements.flatMap(s => (s.op.immediate === "jump" ? [s.immediate] : [])))
    const calls = new Map<number, Expr[]>()
    touched.forEach((objects, i) => {
        for (const object of objects) {
            // a call would spoil the result of the call before it, which this statement may use
            let at = i
            while (live.liveIn[at].has(RETURN_VALUE) && canStandBefore(statements, targets, at, object)) at--
            if (!live.liveIn[at].has(RETURN_VALUE)) calls.set(at, [...(calls.get(at) ?? []), object])
        }
    })
    const { index } = program.functions.find(f => f.owner === "resident" && f.name === "bringUp")!
    const bringUp: Expr = { kind: "op", op: op.STATIC_FUNCTION, immediate: index, args: [] }
    return statements.flatMap((s, i) => {
        const objects = calls.get(i) ?? []
        const step = 0.2 / (objects.length + 1)
        // what jumps here comes to the first of them
        return [
            ...objects.map((object, n): Statement => ({ pc: s.pc + n * step, end: s.pc, op: op.CALL2, immediate: -1, args: [bringUp, object, allFields] })),
            objects.length ? { ...s, pc: s.pc + objects.length * step } : s,
        ]
    })
}

/** What the resident takes for all fields; see `bringUp` of src/hotswap/migration.ts. */
const allFields: Expr = { kind: "int", value: 0 }

/** Whether what stands in front of a statement may as well run behind a look at the object. */
function canStandBefore(statements: readonly Statement[], targets: ReadonlySet<number>, at: number, object: Expr): boolean {
    const before = statements[at - 1]
    if (!before || targets.has(statements[at].pc) || before.op.immediate === "jump" || before.op.name === "CATCH" || before.op.name === "FINALLY") return false
    let isSet = false
    visitExprs([object], e => {
        if (e.kind === "op" && e.op.name === "LOAD_LOCAL" && before.op.name === "STORE_LOCAL" && before.immediate === e.immediate) isSet = true
    })
    return !isSet
}

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
