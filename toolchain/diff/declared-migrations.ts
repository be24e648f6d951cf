import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import { type CompiledProgram, entrySplit, type ProgramFunction } from "../program/compiled-program.ts"
import type { Match } from "./match.ts"
import { stringOf } from "./class-layout.ts"

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
    /** offset of the call in `main` */
    readonly pc: number
}

export function declaredMigrations(base: CompiledProgram, next: CompiledProgram, match: Match): DeclaredMigration[] {
    const known = new Set(declarations(base).map(d => `${d.constructorIndex} ${d.to}`))
    return declarations(next).filter(d => !known.has(`${match.functions.get(d.constructorIndex)} ${d.to}`))
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
        if (!constructor_) continue
        found.push({
            className: constructor_.name,
            constructorIndex: constructor_.index,
            to,
            fields: [...new Set([...fieldsOf(program, up), ...fieldsOf(program, down)])],
            hasDown: down !== undefined,
            functions: [up, down].flatMap(f => f?.index ?? []),
            pc: s.pc,
        })
    }
    return found
}

/** Names of the fields of its parameter that a function reads, writes or deletes. */
function fieldsOf(program: CompiledProgram, f: ProgramFunction | undefined): string[] {
    const fields: string[] = []
    const ofParameter = (e: Expr) => e.kind === "op" && e.op.name === "LOAD_LOCAL" && e.immediate === 0
    for (const s of f?.statements ?? []) {
        if ((s.op.name === "INDEX_SET" || s.op.name === "INDEX_DELETE") && ofParameter(s.args[0])) {
            const key = stringOf(program.image, s.args[1])
            if (key !== undefined) fields.push(key)
        }
        visitExprs(s.args, e => {
            if (e.kind !== "op" || !e.args.length || !ofParameter(e.args[0])) return
            if (e.op.name === "ASCII_FIELD") fields.push(program.image.asciiStrings[e.immediate])
            if (e.op.name === "UTF8_FIELD") fields.push(program.image.utf8Strings[e.immediate])
            if (e.op.name === "INDEX") {
                const key = stringOf(program.image, e.args[1])
                if (key !== undefined) fields.push(key)
            }
        })
    }
    return fields
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
