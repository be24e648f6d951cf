import type { Expr } from "../devs/code.ts"
import type { OpName } from "../devs/opcodes.ts"
import { builtinStrings } from "../devs/builtins.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"

/** Operations that give a number whatever they are given. */
const arithmetic: ReadonlySet<OpName> = new Set<OpName>([
    "SUB", "MUL", "DIV", "NEG", "BIT_AND", "BIT_OR", "BIT_XOR", "BIT_NOT", "SHIFT_LEFT", "SHIFT_RIGHT", "SHIFT_RIGHT_UNSIGNED", "LITERAL_F64",
])

/** Whether an expression of a function is a number for sure: worked out, or a variable that only numbers are stored in. */
export function isNumber(program: CompiledProgram, f: ProgramFunction, e: Expr): boolean {
    const assumed = new Set<string>()
    const check = (g: ProgramFunction, x: Expr, at: number): boolean => {
        if (x.kind === "int") return true
        if (arithmetic.has(x.op.name)) return true
        if (x.op.name === "ADD") return x.args.every(a => check(g, a, at))
        if (x.op.name === "BUILTIN_FIELD") return builtinStrings[x.immediate] === "length"
        // of the call in front of the statement
        if (x.op.name === "RET_VAL") {
            const call = g.statements[at - 1]
            if (!call?.op.name.startsWith("CALL")) return false
            const [called] = call.args
            return called.kind === "op" && called.op.name === "MATH_FIELD"
        }
        if (x.op.name === "LOAD_LOCAL")
            return x.immediate >= g.devs.args && !program.functions.some(h => storesCaptured(h, x.immediate)) && variable(`${g.index} ${x.immediate}`, [g], "STORE_LOCAL", x.immediate)
        if (x.op.name === "LOAD_GLOBAL") return variable(`g${x.immediate}`, program.functions, "STORE_GLOBAL", x.immediate)
        return false
    }
    /** All stores, of which there is one: a number that is added to itself may be assumed to be one. */
    const variable = (key: string, functions: readonly ProgramFunction[], store: OpName, slot: number): boolean => {
        if (assumed.has(key)) return true
        assumed.add(key)
        let stores = 0
        return (
            functions.every(g =>
                g.statements.every((s, i) => s.op.name !== store || s.immediate !== slot || (++stores > 0 && check(g, s.args[0], i))),
            ) && stores > 0
        )
    }
    return check(f, e, f.statements.findIndex(s => s.args.includes(e)))
}

/** Whether a function stores to a variable of this slot in a function around it. */
export function storesCaptured(f: ProgramFunction, slot: number): boolean {
    return f.statements.some(s => s.op.name === "STORE_CLOSURE" && s.immediate === slot)
}
