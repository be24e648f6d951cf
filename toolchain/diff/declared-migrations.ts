import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import { FunctionFlag } from "../devs/image.ts"
import { type CompiledProgram, entrySplit, locate, type ProgramFunction } from "../program/compiled-program.ts"
import { refusal, type Refusal } from "../translate/refusal.ts"
import type { Match } from "./match.ts"
import { stringOf } from "./class-layout.ts"
import { fieldName } from "./value-uses.ts"

/** A `migrate(Class, { to, up, down })` that the new build has and the base does not. */
export interface DeclaredMigration {
    readonly className: string
    /** number of the class's constructor in the new build */
    readonly constructorIndex: number
    readonly to: number
    /** fields that `up` or `down` touch: replaced code brings an object up before it touches one of them */
    readonly fields: readonly string[]
    readonly hasDown: boolean
    /** numbers of `up` and `down` in the new build */
    readonly functions: readonly number[]
    /** number of `down`, and fields that `up` sets and deletes */
    readonly down: number | undefined
    readonly written: readonly string[]
    readonly deleted: readonly string[]
    /** fields that `down` deletes */
    readonly dropped: readonly string[]
    /** offset of the call in `main` */
    readonly pc: number
}

export function declaredMigrations(base: CompiledProgram, next: CompiledProgram, match: Match): DeclaredMigration[] {
    const known = new Set(declarations(base).map(d => `${d.constructorIndex} ${d.to}`))
    return declarations(next).filter(d => !known.has(`${match.functions.get(d.constructorIndex)} ${d.to}`))
}

/** Calls of `migrate` whose first argument is no class by its name: nobody could know which objects they are for. */
export function classlessMigrations(program: CompiledProgram): Refusal[] {
    return program.functions[0].statements
        .slice(entrySplit(program))
        .filter(s => isMigrateCall(program, s) && !isClass(functionOf(program, s.args[1])))
        .map(s => refusal("HOV121", "top-level code", locate(program, 0, s.pc), "the first argument of migrate() is no class of the program"))
}

function isClass(f: ProgramFunction | undefined): boolean {
    return f !== undefined && (f.devs.flags & FunctionFlag.isConstructor) !== 0
}

/** Whether a statement is a call of the resident's `migrate`. */
export function isMigrateCall(program: CompiledProgram, s: Statement): boolean {
    if (s.op.name !== "CALL2") return false
    const f = functionOf(program, s.args[0])
    return f !== undefined && f.owner === "resident" && f.name === "migrate"
}

function functionOf(program: CompiledProgram, e: Expr): ProgramFunction | undefined {
    return e.kind === "op" && (e.op.name === "STATIC_FUNCTION" || e.op.name === "MAKE_CLOSURE") ? program.functions[e.immediate] : undefined
}

function declarations(program: CompiledProgram): DeclaredMigration[] {
    const found: DeclaredMigration[] = []
    let to = 0
    let up: ProgramFunction | undefined
    let down: ProgramFunction | undefined
    for (const s of program.functions[0].statements.slice(entrySplit(program))) {
        if (s.op.name === "ALLOC_MAP") [to, up, down] = [0, undefined, undefined]
        if (s.op.name === "INDEX_SET") {
            const key = stringOf(program.image, s.args[1])
            if (key === "to" && s.args[2].kind === "int") to = s.args[2].value
            if (key === "up") up = functionOf(program, s.args[2])
            if (key === "down") down = functionOf(program, s.args[2])
        }
        if (!isMigrateCall(program, s)) continue
        const constructor_ = functionOf(program, s.args[1])
        if (!constructor_ || !isClass(constructor_)) continue
        found.push({
            className: constructor_.name,
            constructorIndex: constructor_.index,
            to,
            fields: [...new Set([...fieldsOf(program, up), ...fieldsOf(program, down)])],
            hasDown: down !== undefined,
            down: down?.index,
            written: fieldsChanged(program, up, "INDEX_SET"),
            deleted: fieldsChanged(program, up, "INDEX_DELETE"),
            dropped: fieldsChanged(program, down, "INDEX_DELETE"),
            functions: [up, down].flatMap(f => f?.index ?? []),
            pc: s.pc,
        })
    }
    return found
}

/** Names of the fields of its parameters that a function reads, writes or deletes, and the application's functions that it calls. */
function fieldsOf(program: CompiledProgram, f: ProgramFunction | undefined, visited = new Set<ProgramFunction>()): string[] {
    if (f?.owner !== "app" || visited.has(f)) return []
    visited.add(f)
    const own = [...fieldsChanged(program, f, "INDEX_SET"), ...fieldsChanged(program, f, "INDEX_DELETE"), ...fieldsRead(program, f)]
    const called = f.statements.flatMap(s => (s.op.name.startsWith("CALL") ? (functionOf(program, s.args[0]) ?? []) : []))
    return [...own, ...called.flatMap(g => fieldsOf(program, g, visited))]
}

/** Fields of its parameters that a function reads. */
export function fieldsRead(program: CompiledProgram, f: ProgramFunction): string[] {
    const fields: string[] = []
    const isParameter = parametersOf(f)
    for (const s of f.statements)
        visitExprs(s.args, e => {
            if (e.kind !== "op" || !e.args.length || !isParameter(e.args[0])) return
            const name = fieldName(program, e)
            if (name !== undefined) fields.push(name)
        })
    return fields
}

/** Fields of its parameters that a function sets or deletes. */
function fieldsChanged(program: CompiledProgram, f: ProgramFunction | undefined, operation: "INDEX_SET" | "INDEX_DELETE"): string[] {
    if (!f) return []
    const isParameter = parametersOf(f)
    return f.statements.flatMap(s => (s.op.name === operation && isParameter(s.args[0]) ? (stringOf(program.image, s.args[1]) ?? []) : []))
}

/** Whether an expression is a parameter, or a copy: the compiler makes one where a value to store has to be called for. */
function parametersOf(f: ProgramFunction): (e: Expr) => boolean {
    const isLocal = (e: Expr, slots: (slot: number) => boolean) => e.kind === "op" && e.op.name === "LOAD_LOCAL" && slots(e.immediate)
    const isOwn = (slot: number) => slot < f.devs.args
    const copies = new Set(f.statements.flatMap(s => (s.op.name === "STORE_LOCAL" && isLocal(s.args[0], isOwn) ? [s.immediate] : [])))
    return e => isLocal(e, slot => isOwn(slot) || copies.has(slot))
}

/** Fields of each class that its migrations see to themselves, by its constructor. */
export function fieldsSeenTo(migrations: readonly DeclaredMigration[]): Map<number, Set<string>> {
    const found = new Map<number, Set<string>>()
    for (const m of migrations) {
        const own = found.get(m.constructorIndex) ?? new Set()
        found.set(m.constructorIndex, own)
        for (const field of [...m.written, ...m.dropped]) own.add(field)
    }
    return found
}

/** A constructor that first marks what it makes as being in the new layout. */
export function marksNewObjects(program: CompiledProgram, statements: readonly Statement[]): readonly Statement[] {
    const bringUp = program.functions.find(f => f.owner === "resident" && f.name === "bringUp")!
    const mark: Statement = {
        // before all code of the function, and before copies of its parameters
        pc: -1000,
        end: -1000,
        op: op.CALL2,
        immediate: -1,
        args: [
            { kind: "op", op: op.STATIC_FUNCTION, immediate: bringUp.index, args: [] },
            { kind: "op", op: op.LOAD_LOCAL, immediate: 0, args: [] },
            { kind: "op", op: op.UNDEFINED, immediate: -1, args: [] },
        ],
    }
    return [mark, ...statements]
}
