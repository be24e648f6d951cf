import type { Assembler, Expression } from "../devs/assembler.ts"
import type { OpName } from "../devs/opcodes.ts"
import { A, accumulatorSlot, B, CODE, codeHeaderWords, codeSlot, K, PC, pcSlot, R, registerCount, S, secondSlot, spillSlot } from "./frame.ts"

/**
 * The executor's operations, as one table. The translator picks from it, the linker assembles it into the base, the
 * disassembler names by it.
 *
 * A handler is straight-line VM code that runs in the host's frame and ends by throwing the next handler's value: a
 * `throw_jmp` value is a first-class jump (runtime/devicescript/try.c, devs_process_throw), and unlike `JMP` it is not
 * confined to the function that the frame belongs to. So a handler must not contain any jump of its own: conditions
 * are turned into array indices.
 */
export interface Operation {
    readonly name: string
    /** words in the code array: the handler and its operands */
    readonly words: number
    readonly emit: (a: Assembler) => void
}

/** Registers with a handler of their own in every family; the others take part through A. */
export const generalRegisters = 6

/** What a base adds to the table: handlers with an immediate that bytecode cannot compute. */
export interface BaseHandlers {
    /** VM globals that replaced code may read and write */
    readonly globals: readonly number[]
    /** functions of the base that capture variables, made with MAKE_CLOSURE */
    readonly closures: readonly number[]
    /** slots of captured variables, as inner functions reach them */
    readonly capturedSlots: readonly number[]
    /** slots of captured variables behind the executor's, as the function that owns them does */
    readonly farPlaces: readonly number[]
    /** VM globals that belong to the executor */
    readonly machine: MachineGlobals
}

export interface MachineGlobals {
    /** back-edges and calls until the fiber yields */
    readonly budget: number
    /** array whose element 0 is the handler that runs when the budget of a loop is used up */
    readonly loopExhausted: number
    /** the same for a call, and for an entry after an exception */
    readonly entryExhausted: number
    /** the handler that an exception's dispatch chose */
    readonly resume: number
}

/** Functions of the resident that handlers call, as VM function numbers. */
export interface ResidentFunctions {
    /** `(code, pc, exception) => pc`; sets the machine global `resume` */
    readonly dispatch: number
    /** `() => void`; yields and refills the budget */
    readonly refill: number
}

type Emit = (a: Assembler) => void

const setA = (a: Assembler, e: Expression) => a.emit("STORE_LOCAL", accumulatorSlot, e)
const dispatch = (a: Assembler) => a.emit("THROW", ["INDEX", CODE, PC])

/** Ends a handler of `words` words. */
function next(a: Assembler, words: number): void {
    a.emit("STORE_LOCAL", pcSlot, ["ADD", PC, words])
    dispatch(a)
}

/** Goes to operand `first` when the condition is false, to the one behind it when it is true. */
function branch(a: Assembler, condition: Expression, first: number): void {
    a.emit("STORE_LOCAL", pcSlot, ["INDEX", CODE, ["ADD", ["ADD", PC, ["TO_INT", condition]], first]])
    dispatch(a)
}

function countBudget(a: Assembler, machine: MachineGlobals, exhausted: number): void {
    a.emit("STORE_GLOBAL", machine.budget, ["SUB", ["LOAD_GLOBAL", machine.budget], 1])
    a.emit("RE_THROW", ["INDEX", ["LOAD_GLOBAL", exhausted], ["LOAD_GLOBAL", machine.budget]])
}

class Table {
    readonly operations: Operation[] = []

    add(name: string, words: number, emit: Emit): void {
        this.operations.push({ name, words, emit })
    }

    /** An operation that falls through to the next one. */
    plain(name: string, words: number, emit: Emit): void {
        this.add(name, words, a => {
            emit(a)
            next(a, words)
        })
    }

    /** A = value */
    value(name: string, words: number, value: Expression): void {
        this.plain(name, words, a => setA(a, value))
    }
}

const general = Array.from({ length: generalRegisters }, (_, i) => i)
const registers = Array.from({ length: registerCount }, (_, i) => i)

/** The whole table for one base, in the order of the handler numbers that images carry. */
export function operationTable(base: BaseHandlers, resident: ResidentFunctions): Operation[] {
    const t = new Table()
    control(t, base.machine, resident)
    moves(t)
    arithmetic(t)
    fields(t)
    calls(t)
    branches(t)
    objects(t)
    for (const g of base.globals) {
        t.value(`A=g${g}`, 1, ["LOAD_GLOBAL", g])
        t.plain(`g${g}=A`, 1, a => a.emit("STORE_GLOBAL", g, A))
    }
    for (const slot of base.capturedSlots) {
        t.value(`A=c${slot}`, 2, ["LOAD_CLOSURE", slot, K(1)])
        t.plain(`c${slot}=A`, 2, a => a.emit("STORE_CLOSURE", slot, K(1), A))
    }
    for (const slot of base.farPlaces) {
        t.value(`A=L${slot}`, 1, R(slot))
        t.plain(`L${slot}=A`, 1, a => a.emit("STORE_LOCAL", slot, A))
    }
    for (const f of base.closures) t.value(`A=closure${f}`, 1, ["MAKE_CLOSURE", f])
    return t.operations
}

/** Handlers that the machinery itself needs come first, so that their numbers are the same in every base. */
export const fixedHandlers = [
    "enter",
    "entryExhausted",
    "loopExhausted",
    "catch",
    "rethrow",
    "skip",
    "fallBack",
] as const

function control(t: Table, machine: MachineGlobals, resident: ResidentFunctions): void {
    const refill = (a: Assembler) => a.emit("CALL0", ["STATIC_FUNCTION", resident.refill])
    t.add("enter", 1, a => {
        countBudget(a, machine, machine.entryExhausted)
        a.emit("STORE_LOCAL", pcSlot, codeHeaderWords)
        dispatch(a)
    })
    t.add("entryExhausted", 1, a => {
        a.emit("CALL3", ["STATIC_FUNCTION", resident.dispatch], CODE, PC, B)
        a.emit("STORE_LOCAL", pcSlot, ["RET_VAL"])
        a.emit("THROW", ["LOAD_GLOBAL", machine.resume])
    })
    t.add("loopExhausted", 1, a => {
        refill(a)
        dispatch(a)
    })
    t.add("catch", 1, a => {
        setA(a, B)
        dispatch(a)
    })
    t.add("rethrow", 1, a => a.emit("RE_THROW", B))
    t.add("skip", 1, a => a.emit("RETURN", ["UNDEFINED"]))
    t.add("fallBack", 1, a => {
        a.emit("STORE_LOCAL", codeSlot, ["UNDEFINED"])
        a.emit("THROW", 1)
    })
    t.add("jump", 2, a => {
        a.emit("STORE_LOCAL", pcSlot, K(1))
        dispatch(a)
    })
    t.add("loop", 2, a => {
        countBudget(a, machine, machine.loopExhausted)
        a.emit("STORE_LOCAL", pcSlot, K(1))
        dispatch(a)
    })
    t.add("return A", 1, a => a.emit("RETURN", A))
    t.add("return undefined", 1, a => a.emit("RETURN", ["UNDEFINED"]))
    t.add("return K", 2, a => a.emit("RETURN", K(1)))
    t.add("throw A", 1, a => a.emit("THROW", A))
    t.plain("rethrow A", 1, a => a.emit("RE_THROW", A))
    t.plain("debugger", 1, a => a.emit("DEBUGGER"))
}

function moves(t: Table): void {
    for (const r of registers) {
        t.value(`A=R${r}`, 1, R(r))
        t.plain(`R${r}=A`, 1, a => a.emit("STORE_LOCAL", r, A))
        t.plain(`R${r}=K`, 2, a => a.emit("STORE_LOCAL", r, K(1)))
        t.plain(`B=R${r}`, 1, a => a.emit("STORE_LOCAL", secondSlot, R(r)))
    }
    t.value("A=K", 2, K(1))
    t.value("A=B", 1, B)
    t.plain("B=A", 1, a => a.emit("STORE_LOCAL", secondSlot, A))
    t.plain("B=K", 2, a => a.emit("STORE_LOCAL", secondSlot, K(1)))
    t.value("A=undefined", 1, ["UNDEFINED"])
    t.plain("S=[]", 2, a => {
        a.emit("ALLOC_ARRAY", K(1))
        a.emit("STORE_LOCAL", spillSlot, ["RET_VAL"])
    })
    t.value("A=S[K]", 2, ["INDEX", S, K(1)])
    t.plain("B=S[K]", 2, a => a.emit("STORE_LOCAL", secondSlot, ["INDEX", S, K(1)]))
    t.plain("S[K]=A", 2, a => a.emit("INDEX_SET", S, K(1), A))
    t.value("A=cell", 2, ["INDEX", K(1), 0])
    t.plain("cell=A", 2, a => a.emit("INDEX_SET", K(1), 0, A))
}

/** Operations for which every combination of places is worth a handler. */
const hotBinary: readonly OpName[] = ["ADD", "SUB", "MUL", "INDEX", "BIT_AND"]
const commutative: ReadonlySet<OpName> = new Set(["MUL", "BIT_AND"])
const warmBinary: readonly OpName[] = ["DIV", "BIT_OR", "BIT_XOR", "SHIFT_LEFT", "SHIFT_RIGHT", "SHIFT_RIGHT_UNSIGNED", "EQ", "NE", "LT", "LE"]
const rareBinary: readonly OpName[] = ["APPROX_EQ", "APPROX_NE", "INSTANCE_OF"]
const unary: readonly OpName[] = [
    "NEG", "NOT", "BIT_NOT", "TO_BOOL", "TO_INT", "UPLUS", "ABS", "IS_NAN", "IS_NULLISH", "IS_UNDEFINED", "TYPEOF", "TYPEOF_STR", "NEW",
]

function arithmetic(t: Table): void {
    const binary = (op: OpName, x: Expression, y: Expression) => [op, x, y] as Expression
    for (const op of hotBinary) {
        for (const r of general) {
            t.value(`A=A ${op} R${r}`, 1, binary(op, A, R(r)))
            t.value(`A=R${r} ${op} K`, 2, binary(op, R(r), K(1)))
            if (!commutative.has(op)) t.value(`A=R${r} ${op} A`, 1, binary(op, R(r), A))
        }
    }
    for (const op of [...hotBinary, ...warmBinary]) t.value(`A=A ${op} K`, 2, binary(op, A, K(1)))
    for (const op of [...hotBinary, ...warmBinary, ...rareBinary]) t.value(`A=B ${op} A`, 1, binary(op, B, A))
    for (const op of unary) t.value(`A=${op} A`, 1, [op, A] as Expression)
    for (const r of general) {
        t.plain(`R${r}=R${r} ADD K`, 2, a => a.emit("STORE_LOCAL", r, ["ADD", R(r), K(1)]))
        t.plain(`R${r}=R${r} ADD A`, 1, a => a.emit("STORE_LOCAL", r, ["ADD", R(r), A]))
    }
}

function fields(t: Table): void {
    for (const r of general) {
        t.plain(`R${r}[K]=A`, 2, a => a.emit("INDEX_SET", R(r), K(1), A))
        t.plain(`R${r}[B]=A`, 1, a => a.emit("INDEX_SET", R(r), B, A))
    }
    t.plain("B[K]=A", 2, a => a.emit("INDEX_SET", B, K(1), A))
    t.plain("S[K][B]=A", 2, a => a.emit("INDEX_SET", ["INDEX", S, K(1)], B, A))
    t.plain("delete B[A]", 1, a => {
        a.emit("INDEX_DELETE", B, A)
        setA(a, ["RET_VAL"])
    })
}

function calls(t: Table): void {
    const call = (name: string, words: number, emit: (a: Assembler) => void) =>
        t.plain(name, words, a => {
            emit(a)
            setA(a, ["RET_VAL"])
        })
    call("call K()", 2, a => a.emit("CALL0", K(1)))
    call("call K(A)", 2, a => a.emit("CALL1", K(1), A))
    call("call K(B,A)", 2, a => a.emit("CALL2", K(1), B, A))
    call("call A()", 1, a => a.emit("CALL0", A))
    call("call B(A)", 1, a => a.emit("CALL1", B, A))
    call("call A.K()", 2, a => a.emit("CALL0", ["INDEX", A, K(1)]))
    call("call B.K(A)", 2, a => a.emit("CALL1", ["INDEX", B, K(1)], A))
    call("call B(...A)", 1, a => a.emit("CALL_ARRAY", B, A))
    for (const r of general) {
        call(`call R${r}(B,A)`, 1, a => a.emit("CALL2", R(r), B, A))
        call(`call R${r}.K()`, 2, a => a.emit("CALL0", ["INDEX", R(r), K(1)]))
        call(`call R${r}.K(A)`, 2, a => a.emit("CALL1", ["INDEX", R(r), K(1)], A))
        call(`call R${r}.K(B,A)`, 2, a => a.emit("CALL2", ["INDEX", R(r), K(1)], B, A))
    }
}

function branches(t: Table): void {
    t.add("if A", 3, a => branch(a, ["TO_BOOL", A], 1))
    for (const r of general) t.add(`if R${r}`, 3, a => branch(a, ["TO_BOOL", R(r)], 1))
    t.add("if A nullish", 3, a => branch(a, ["IS_NULLISH", A], 1))
    for (const op of ["EQ", "NE", "LT", "LE"] as const) {
        t.add(`if A ${op} K`, 4, a => branch(a, [op, A, K(1)], 2))
        t.add(`if B ${op} A`, 3, a => branch(a, [op, B, A], 1))
        for (const r of general) {
            t.add(`if A ${op} R${r}`, 3, a => branch(a, [op, A, R(r)], 1))
            t.add(`if R${r} ${op} K`, 4, a => branch(a, [op, R(r), K(1)], 2))
            if (op === "LT" || op === "LE") t.add(`if R${r} ${op} A`, 3, a => branch(a, [op, R(r), A], 1))
        }
    }
}

function objects(t: Table): void {
    const made = (name: string, words: number, emit: (a: Assembler) => void) =>
        t.plain(name, words, a => {
            emit(a)
            setA(a, ["RET_VAL"])
        })
    made("A={}", 1, a => a.emit("ALLOC_MAP"))
    made("A=[]", 2, a => a.emit("ALLOC_ARRAY", K(1)))
    made("A=buffer", 1, a => a.emit("ALLOC_BUFFER", A))
    t.value("A=load buffer", 2, ["LOAD_BUFFER", B, K(1), A])
    for (const r of general) t.plain(`store buffer R${r}`, 2, a => a.emit("STORE_BUFFER", R(r), K(1), B, A))
    t.plain("store buffer S[K]", 3, a => a.emit("STORE_BUFFER", ["INDEX", S, K(2)], K(1), B, A))
    t.value("A=B BIND A", 1, ["BIND", B, A])
}
