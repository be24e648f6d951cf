import { builtinStringIndex, builtinStrings } from "../devs/builtins.ts"
import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { FunctionFlag } from "../devs/image.ts"
import { op } from "../devs/opcodes.ts"
import { type CompiledProgram, locate, type ProgramFunction } from "../program/compiled-program.ts"
import { refusal, type Refusal } from "../translate/refusal.ts"
import type { Match } from "./match.ts"
import { expression, Sequence } from "./sequence.ts"
import { type Side, unitText } from "./sides.ts"
import type { Relocate } from "./transition.ts"

/**
 * Classes and prototypes are filled before all other code, by the base's own code even when the board boots with an image:
 * an image adds the methods that the base lacks at every activation and takes off those that are gone, and undoes both on
 * the way back.
 */
export interface PrototypeChanges {
    readonly initialise: Sequence
    readonly goBack: Sequence
    readonly refusals: readonly Refusal[]
}

export function prototypeChanges(
    base: Side,
    next: Side,
    match: Match,
    relocate: { readonly base: Relocate; readonly next: Relocate },
): PrototypeChanges {
    const added = onlyIn(next, base)
    const removed = onlyIn(base, next)
    const nextOf = new Map([...match.functions].map(([n, b]) => [b, n]))
    const initialise = new Sequence()
    const goBack = new Sequence()
    const refusals: Refusal[] = []
    const target = (side: Side, s: Statement) => unitText(side.program, side.names, [{ ...s, args: s.args.slice(0, 2) }])
    const addedTargets = new Set(added.map(s => target(next, s)))
    for (const s of removed) {
        const owner = classOf(s)
        // a class or a library's prototype that nobody uses any more may stay as it is
        if (owner === undefined || !nextOf.has(owner) || base.program.functions[owner].owner !== "app") continue
        // of the class as it is now
        if (s.op.name !== "INDEX_SET") refusals.push(refuse("HOV113", next.program, s, nextOf.get(owner)))
        else {
            if (!addedTargets.has(target(base, s))) initialise.copy(relocate.base([deletion(s)]))
            goBack.copy(relocate.base([s]))
        }
    }
    const classes = newClasses(next.program, match)
    for (const f of classes) initialise.copy(relocate.next([emptied(next.program, f.index)]))
    if (classes.length && showsClassNames(next.program)) for (const f of classes) initialise.copy(relocate.next(named(next.program, f)))
    const removedTargets = new Set(removed.map(s => target(base, s)))
    for (const s of added) {
        const owner = classOf(s)
        const isKnownClass = owner !== undefined && match.functions.has(owner)
        if (s.op.name === "INDEX_SET") {
            initialise.copy(relocate.next([s]))
            if (isKnownClass && next.program.functions[owner].owner === "app" && !removedTargets.has(target(next, s)))
                goBack.copy(relocate.next([deletion(s)]))
        } else if (s.op.name === "CALL2" && owner !== undefined && !isKnownClass) initialise.copy(relocate.next([s]))
        else if (!refusals.some(r => owner !== undefined && r.functionName === next.program.functions[owner].name)) refusals.push(refuse("HOV113", next.program, s, owner))
    }
    return { initialise, goBack, refusals }
}

/** Classes that the base does not have. All are emptied before any is filled. */
function newClasses(program: CompiledProgram, match: Match): ProgramFunction[] {
    return program.functions.filter(f => (f.devs.flags & FunctionFlag.isConstructor) !== 0 && !match.functions.has(f.index))
}

/** The spare class that stands for a new one may have members that another image gave it. */
function emptied(program: CompiledProgram, constructorIndex: number): Statement {
    const empty = program.functions.find(f => f.owner === "resident" && f.name === "emptyClass")!
    const args = [expression("STATIC_FUNCTION", empty.index), expression("STATIC_FUNCTION", constructorIndex)]
    return { pc: 0, end: 0, op: op.CALL1, immediate: -1, args }
}

/** Whether a program can tell what a class is called: errors show it, and an object's constructor does. */
function showsClassNames(program: CompiledProgram): boolean {
    const isError = (s: Statement) => {
        const parent = s.op.name === "CALL2" ? s.args[2] : undefined
        return parent?.kind === "op" && parent.op.name === "BUILTIN_OBJECT"
    }
    const asks = (e: Expr) => e.kind === "op" && e.op.name === "BUILTIN_FIELD" && builtinStrings[e.immediate] === "constructor"
    return (
        program.functions[1].statements.some(isError) ||
        program.functions.some(f => f.owner !== "resident" && f.statements.some(s => findsExpr(s.args, asks)))
    )
}

function findsExpr(args: readonly Expr[], test: (e: Expr) => boolean): boolean {
    let found = false
    visitExprs(args, e => {
        if (test(e)) found = true
    })
    return found
}

/** A spare class goes by the name of the one that it stands for. */
function named(program: CompiledProgram, f: ProgramFunction): Statement[] {
    const text = program.image.asciiStrings.indexOf(f.name)
    if (text < 0) return []
    const key = expression("STATIC_BUILTIN_STRING", builtinStringIndex("name"))
    const args = [expression("STATIC_FUNCTION", f.index), key, expression("STATIC_ASCII_STRING", text)]
    return [{ pc: 0, end: 0, op: op.INDEX_SET, immediate: -1, args }]
}

function onlyIn(side: Side, other: Side): Statement[] {
    const texts = new Set(statements(other).map(s => unitText(other.program, other.names, [s])))
    return statements(side).filter(s => !texts.has(unitText(side.program, side.names, [s])))
}

function statements(side: Side): readonly Statement[] {
    return side.program.functions[1].statements.filter(s => s.op.name !== "RETURN")
}

/** The class whose prototype, or which itself, a statement sets something of. */
function classOf(s: Statement): number | undefined {
    const object = s.op.name === "INDEX_SET" ? s.args[0] : s.args[1]
    const inner = object?.kind === "op" && object.op.name === "BUILTIN_FIELD" ? object.args[0] : object
    return inner?.kind === "op" && inner.op.name === "STATIC_FUNCTION" ? inner.immediate : undefined
}

function deletion(s: Statement): Statement {
    return { ...s, op: op.INDEX_DELETE, args: s.args.slice(0, 2) }
}

function refuse(code: "HOV113", program: CompiledProgram, s: Statement, owner: number | undefined): Refusal {
    const name = owner === undefined ? "class" : program.functions[owner].name
    return refusal(code, name, locate(program, owner ?? 1, owner === undefined ? s.pc : 0), `what ${name} extends is different`)
}
