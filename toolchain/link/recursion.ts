import { decodeCode, type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { Assembler } from "../devs/assembler.ts"
import type { DevsFunction } from "../devs/image.ts"
import { placeOf, reassemble } from "../devs/reassemble.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { isHost } from "./hosts.ts"

/**
 * A function that calls itself and never waits looks for its replacement once, at the outermost call: until that comes
 * back, no image can be put in. Its inner calls go to a twin, a second function with the same code and no prelude, in a
 * frame without room for the executor.
 */
export interface Twin {
    /** the function that it is the twin of */
    readonly functionIndex: number
    /** its own number, behind the program's functions */
    readonly index: number
}

/** Larger functions are not worth their code twice: the prelude is a small part of what they do. */
const codeBytesMax = 256

export function twinsOf(program: CompiledProgram, neverWaiting: ReadonlySet<number>): Twin[] {
    return program.functions
        .filter(f => isHost(f) && neverWaiting.has(f.index) && f.devs.code.length <= codeBytesMax && callsItself(f))
        .map((f, i) => ({ functionIndex: f.index, index: program.functions.length + i }))
}

/** Calls of itself by its number, and nothing that tells one frame of its own from another. */
function callsItself(f: ProgramFunction): boolean {
    let closes = false
    for (const s of f.statements)
        visitExprs(s.args, e => {
            if (e.kind === "op" && e.op.name === "MAKE_CLOSURE") closes = true
        })
    return !closes && f.creator === undefined && f.statements.some(s => isCallOf(s, f.index))
}

function isCallOf(s: Statement, index: number): boolean {
    const callee: Expr | undefined = s.op.name.startsWith("CALL") ? s.args[0] : undefined
    return callee?.kind === "op" && callee.op.name === "STATIC_FUNCTION" && callee.immediate === index
}

/** Code whose calls of the function go to its twin. */
export function callingTwin(statements: readonly Statement[], twin: Twin): Statement[] {
    return statements.map(s => (isCallOf(s, twin.functionIndex) ? { ...s, args: [{ ...s.args[0], immediate: twin.index } as Expr, ...s.args.slice(1)] } : s))
}

/** @param f as linked so far, with its variables in their places */
export function twinFunction(f: DevsFunction, twin: Twin): { linked: DevsFunction; places: ReadonlyMap<number, number> } {
    const statements = decodeCode(f.code)
    const a = new Assembler()
    reassemble(a, callingTwin(statements, twin))
    const { code, labels } = a.finish()
    return { linked: { ...f, code }, places: new Map(statements.map(s => [s.pc, labels.get(placeOf(s.pc))!])) }
}
