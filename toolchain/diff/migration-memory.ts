import { builtinObjects, builtinStringIndex, builtinStrings } from "../devs/builtins.ts"
import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { liveness, RETURN_VALUE } from "../translate/liveness.ts"
import { tryRegions } from "../translate/try-regions.ts"

/**
 * What a migration takes of the heap. Running out of memory cannot be caught, so it is counted before it is taken: the
 * builder puts calls of the resident's counter into the code of `up` and `down`, and of what they call.
 */

/** Bytes that bringing up one object may take; `src/hotswap/migration.ts` has the same. */
export const migrationBytesMax = 8192

/** Sizes on a board, of what statements make. */
const objectBytes = 84
const mapBytes = 40
const arrayBytes = 20
const valueBytes = 8
const listBytes = 64
const textBytes = 24
const bufferBytes = 12

const perArgument: ReadonlySet<string> = new Set(["push", "unshift", "insert"])
const makesList: ReadonlySet<string> = new Set(["concat", "slice", "map", "filter", "pushRange", "keys", "values", "splice", "assign", "parse"])
const makesText: ReadonlySet<string> = new Set(["format", "join", "toString", "stringify", "fromCharCode"])

/** Bytes that a statement takes, or the expression that says how large a buffer it makes. */
function taken(s: Statement): number | Expr {
    if (s.op.name === "ALLOC_MAP") return mapBytes
    if (s.op.name === "ALLOC_ARRAY") return arrayBytes + valueBytes * (s.args[0]?.kind === "int" ? s.args[0].value : 0)
    // what has a name stands in the code once; a key that is computed may be another one in each round
    if (s.op.name === "INDEX_SET") return s.args[1].kind === "op" && s.args[1].op.name.includes("STRING") ? 0 : valueBytes
    if (!s.op.name.startsWith("CALL")) return textsIn(s)
    const [callee, ...args] = s.args
    if (callee.kind !== "op") return 0
    if (isBufferAlloc(s)) return args[0]
    if (callee.op.name === "NEW") return objectBytes + (isArrayOf(callee) && args[0]?.kind === "int" ? valueBytes * args[0].value : 0)
    const name = ["BUILTIN_FIELD", "DS_FIELD", "OBJECT_FIELD"].includes(callee.op.name) ? builtinStrings[callee.immediate] : ""
    if (perArgument.has(name)) return valueBytes * args.length
    return (makesList.has(name) ? listBytes : makesText.has(name) ? textBytes : 0) + textsIn(s)
}

/** A sum may be of two texts, which makes a third one. */
function textsIn(s: Statement): number {
    let sum = 0
    visitExprs(s.args, e => {
        if (e.kind === "op" && e.op.name === "ADD" && e.args.some(a => a.kind === "op" && a.op.name.includes("STRING"))) sum += textBytes
    })
    return sum
}

export function isBufferAlloc(s: Statement): boolean {
    const callee = s.op.name === "CALL1" ? s.args[0] : undefined
    if (callee?.kind !== "op" || callee.op.name !== "BUILTIN_FIELD" || callee.immediate !== builtinStringIndex("alloc")) return false
    const [object] = callee.args
    return object.kind === "op" && object.op.name === "BUILTIN_OBJECT" && builtinObjects[object.immediate] === "Buffer"
}

function isArrayOf(callee: Expr): boolean {
    const made = callee.kind === "op" ? callee.args[0] : undefined
    return made?.kind === "op" && made.op.name === "BUILTIN_OBJECT" && builtinObjects[made.immediate] === "Array"
}

/** The statement that takes more than is allowed all by itself. */
export function tooLarge(statements: readonly Statement[]): Statement | undefined {
    return statements.find(s => {
        const bytes = taken(s)
        return typeof bytes === "number" ? bytes > migrationBytesMax : bytes.kind === "int" && bytes.value + bufferBytes > migrationBytesMax
    })
}

/**
 * The same code, which says what it takes before it takes it. A call would spoil the result of the call before it, so the
 * counter is called in front of a statement that needs none, as late in the straight run of statements as can be.
 */
export function countsMemory(program: CompiledProgram, statements: readonly Statement[]): readonly Statement[] {
    const door = (name: string) => program.functions.find(f => f.owner === "resident" && f.name === name)!.index
    const live = liveness(statements, tryRegions(statements).around)
    const targets = new Set(statements.flatMap(s => (s.op.immediate === "jump" ? [s.immediate] : [])))
    const bytesAt = new Map<number, number>()
    let at = 0
    statements.forEach((s, i) => {
        // a handler begins with these: nothing may stand in front of them
        if (s.op.name === "CATCH" || s.op.name === "FINALLY") {
            at = i + 1
            return
        }
        if (i === 0 || targets.has(s.pc) || statements[i - 1].op.immediate === "jump" || !live.liveIn[i].has(RETURN_VALUE)) at = i
        const bytes = taken(s)
        if (typeof bytes === "number" && bytes > 0 && !live.liveIn[at].has(RETURN_VALUE)) bytesAt.set(at, (bytesAt.get(at) ?? 0) + bytes)
    })
    const resident = (name: string): Expr => ({ kind: "op", op: op.STATIC_FUNCTION, immediate: door(name), args: [] })
    return statements.flatMap((s, i) => {
        const own: Statement = isBufferAlloc(s) ? { ...s, args: [resident("allocateMigrated"), s.args[1]] } : s
        const bytes = bytesAt.get(i)
        if (bytes === undefined) return [own]
        const count: Statement = { pc: s.pc, end: s.pc, op: op.CALL1, immediate: -1, args: [resident("spendMigration"), { kind: "int", value: bytes }] }
        // what jumps here comes to the counter first
        return [count, { ...own, pc: s.pc + 0.25 }]
    })
}
