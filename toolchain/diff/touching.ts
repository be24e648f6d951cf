import { FunctionFlag } from "../devs/image.ts"
import { type Expr, visitExprs } from "../devs/code.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { stringOf } from "./class-layout.ts"
import { fieldName, isField } from "./value-uses.ts"

/** Fields that an object of a class may lack or have in another meaning, by name, and the constructors of these classes. */
export type ChangedFields = ReadonlyMap<string, ReadonlySet<number>>

export interface TouchInput {
    /** fields that older objects lack: what new code stores there stays, so only reads count */
    readonly added: ChangedFields
    /** fields that a declared migration changes */
    readonly migrated: ChangedFields
}

/**
 * Functions of the application that use such a field. Those that are as they were have to ship too: an object is brought up
 * by replaced code only, and the base's own would go past that.
 */
export function touchingFunctions(program: CompiledProgram, { added, migrated }: TouchInput): ProgramFunction[] {
    if (!added.size && !migrated.size) return []
    const classes = new Classes(program)
    return program.functions.filter(f => {
        if (f.owner !== "app") return false
        const isMeant = (fields: ChangedFields, name: string | undefined, object: Expr) => {
            const of = name === undefined ? undefined : fields.get(name)
            return of !== undefined && classes.mayBe(f, object, of)
        }
        return f.statements.some(s => {
            let found = false
            if (s.op.name === "INDEX_SET" || s.op.name === "INDEX_DELETE") found = isMeant(migrated, stringOf(program.image, s.args[1]), s.args[0])
            visitExprs(s.args, e => {
                if (e.kind !== "op" || !isField(e)) return
                const name = fieldName(program, e)
                found ||= isMeant(added, name, e.args[0]) || isMeant(migrated, name, e.args[0])
            })
            return found
        })
    })
}

/** What the compiler's code that fills the prototypes says of classes. */
class Classes {
    private readonly parents = new Map<number, number>()
    private readonly owners = new Map<number, number>()

    constructor(program: CompiledProgram) {
        for (const s of program.functions[1].statements) {
            if (s.op.name === "CALL2") {
                const [class_, parent] = [functionNumber(s.args[1]), functionNumber(s.args[2])]
                if (class_ !== undefined && parent !== undefined) this.parents.set(class_, parent)
            } else if (s.op.name === "INDEX_SET") {
                const method = functionNumber(s.args[2])
                const prototype = s.args[0]
                const class_ = prototype.kind === "op" && prototype.op.name === "BUILTIN_FIELD" ? functionNumber(prototype.args[0]) : undefined
                if (method !== undefined && class_ !== undefined) this.owners.set(method, class_)
            }
        }
        for (const f of program.functions) if (f.devs.flags & FunctionFlag.isConstructor) this.owners.set(f.index, f.index)
    }

    /** Whether an object that code has may be of one of these classes: a method's `this` is of its own. */
    mayBe(f: ProgramFunction, object: Expr, classes: ReadonlySet<number>): boolean {
        const own = this.owners.get(f.index)
        const isThis = object.kind === "op" && object.op.name === "LOAD_LOCAL" && object.immediate === 0 && (f.devs.flags & FunctionFlag.needsThis) !== 0
        if (!isThis || own === undefined) return true
        // a constructor has a new object before it
        if (own === f.index) return false
        return [...classes].some(c => this.isWithin(c, own) || this.isWithin(own, c))
    }

    private isWithin(class_: number, ancestor: number): boolean {
        for (let c: number | undefined = class_; c !== undefined; c = this.parents.get(c)) if (c === ancestor) return true
        return false
    }
}

function functionNumber(e: Expr | undefined): number | undefined {
    return e?.kind === "op" && e.op.name === "STATIC_FUNCTION" ? e.immediate : undefined
}
