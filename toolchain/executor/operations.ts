import type { Assembler, Expression } from "../devs/assembler.ts"
import { op, type OpName } from "../devs/opcodes.ts"
import { type AddedKind, addedKinds } from "../format/image.ts"
import { A, B, CODE, codeHeaderWords, codeSlot, K, PC, pcSlot, R, S, secondSlot, spillSlot } from "./frame.ts"
import { allRegisters, emitStore, inlineOperands, parsePattern, PatternReader } from "./patterns.ts"

/**
 * The executor's operations. The translator picks from them, the linker assembles them into the base, the disassembler
 * names by them.
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

/** What a base adds to the table: handlers with an immediate that bytecode cannot compute. */
export interface BaseHandlers {
    /** VM globals that replaced code may read and write */
    readonly globals: readonly number[]
    /** functions of the base that capture variables, made with MAKE_CLOSURE */
    readonly closures: readonly number[]
    /** functions that close over a code array: called as closures of a frame, they make closures of that frame */
    readonly makers: Readonly<Record<AddedKind, number>>
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
    /** what was left of the budget when an exception ended it */
    readonly budgetLeft: number
}

/** Functions of the resident that handlers call, as VM function numbers. */
export interface ResidentFunctions {
    /** `(code, pc, exception, budgetLeft) => pc`; sets the machine global `resume` */
    readonly dispatch: number
    /** `() => void`; yields and refills the budget */
    readonly refill: number
    /** `(host, code) => void`, `(code) => void`, `(host, code) => void`: src/hotswap/ledger.ts */
    readonly enterCall: number
    readonly leaveCall: number
    readonly moveCall: number
}

const dispatch = (a: Assembler) => a.emit("THROW", ["INDEX", CODE, PC])

/** Ends a handler of `words` words. */
function next(a: Assembler, words: number): void {
    a.emit("STORE_LOCAL", pcSlot, ["ADD", PC, words])
    dispatch(a)
}

/** Goes to operand `first` when the condition (0 or 1) is 0, to the one behind it when it is 1. */
function branch(a: Assembler, condition: Expression, first: number): void {
    a.emit("STORE_LOCAL", pcSlot, ["INDEX", CODE, ["ADD", ["ADD", PC, condition], first]])
    dispatch(a)
}

function countBudget(a: Assembler, machine: MachineGlobals, exhausted: number): void {
    a.emit("STORE_GLOBAL", machine.budget, ["SUB", ["LOAD_GLOBAL", machine.budget], 1])
    a.emit("RE_THROW", ["INDEX", ["LOAD_GLOBAL", exhausted], ["LOAD_GLOBAL", machine.budget]])
}

const callOperations: readonly OpName[] = ["CALL0", "CALL1", "CALL2", "CALL3", "CALL4", "CALL5", "CALL6", "CALL7", "CALL8"]

/** A fused operation; undefined when the name is not one's. */
export function fusedOperation(name: string, machine: MachineGlobals): Operation | undefined {
    const pattern = parsePattern(name)
    if (!pattern) return undefined
    const operands = inlineOperands(pattern)
    const plain = (emit: (a: Assembler, read: PatternReader) => void): Operation => ({
        name,
        words: 1 + operands,
        emit: a => {
            emit(a, new PatternReader())
            next(a, 1 + operands)
        },
    })
    switch (pattern.kind) {
        case "store":
            return plain((a, read) => emitStore(a, pattern.to, read.value(pattern.value)))
        case "set":
            return plain((a, read) => {
                const [object, key, value] = [pattern.object, pattern.key, pattern.value].map(x => read.value(x))
                a.emit("INDEX_SET", object, key, value)
            })
        case "buffer":
            return plain((a, read) => a.emit("STORE_BUFFER", ...pattern.args.map(x => read.value(x))))
        case "call":
            return plain((a, read) => {
                const [callee, ...args] = [pattern.callee, ...pattern.args].map(x => read.value(x))
                a.emit(callOperations[args.length], callee, ...args)
                if (pattern.to) emitStore(a, pattern.to, ["RET_VAL"])
            })
        case "branch":
            return {
                name,
                words: 3 + operands,
                emit: a => {
                    if (pattern.isLoop) countBudget(a, machine, machine.loopExhausted)
                    branch(a, new PatternReader().condition(pattern.condition), 1 + operands)
                },
            }
        case "count":
            return {
                name,
                words: 3 + operands,
                emit: a => {
                    const read = new PatternReader()
                    // counted first: what runs when the budget ends comes back to this instruction
                    countBudget(a, machine, machine.loopExhausted)
                    emitStore(a, pattern.to, read.value(pattern.value))
                    branch(a, read.condition(pattern.condition), 1 + operands)
                },
            }
        case "return":
            return { name, words: 1 + operands, emit: a => a.emit("RETURN", new PatternReader().value(pattern.value)) }
    }
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

/**
 * The operations that every base has: with them alone, all code can be translated, through A and B.
 */
export function coreOperations(base: BaseHandlers, resident: ResidentFunctions): Operation[] {
    return [...control(base.machine, resident), ...special(base), ...ledger(resident), ...coreFused(base).map(n => fusedOperation(n, base.machine)!)]
}

function control(machine: MachineGlobals, resident: ResidentFunctions): Operation[] {
    const refill = (a: Assembler) => a.emit("CALL0", ["STATIC_FUNCTION", resident.refill])
    const all: Operation[] = []
    const add = (name: string, words: number, emit: (a: Assembler) => void) => all.push({ name, words, emit })
    add("enter", 1, a => {
        countBudget(a, machine, machine.entryExhausted)
        a.emit("STORE_LOCAL", pcSlot, codeHeaderWords)
        dispatch(a)
    })
    add("entryExhausted", 1, a => {
        a.emit("CALL4", ["STATIC_FUNCTION", resident.dispatch], CODE, PC, B, ["LOAD_GLOBAL", machine.budgetLeft])
        a.emit("STORE_LOCAL", pcSlot, ["RET_VAL"])
        a.emit("THROW", ["LOAD_GLOBAL", machine.resume])
    })
    add("loopExhausted", 1, a => {
        refill(a)
        dispatch(a)
    })
    add("catch", 1, a => {
        emitStore(a, "A", B)
        dispatch(a)
    })
    add("rethrow", 1, a => a.emit("RE_THROW", B))
    add("skip", 1, a => a.emit("RETURN", ["UNDEFINED"]))
    add("fallBack", 1, a => {
        a.emit("STORE_LOCAL", codeSlot, ["UNDEFINED"])
        a.emit("THROW", 1)
    })
    add("jump", 2, a => {
        a.emit("STORE_LOCAL", pcSlot, K(1))
        dispatch(a)
    })
    add("loop", 2, a => {
        countBudget(a, machine, machine.loopExhausted)
        a.emit("STORE_LOCAL", pcSlot, K(1))
        dispatch(a)
    })
    add("return undefined", 1, a => a.emit("RETURN", ["UNDEFINED"]))
    add("throw A", 1, a => a.emit("THROW", A))
    return all
}

/** Operations that the grammar of fused ones does not have. */
function special(base: BaseHandlers): Operation[] {
    const all: Operation[] = []
    const plain = (name: string, words: number, emit: (a: Assembler) => void) =>
        all.push({
            name,
            words,
            emit: a => {
                emit(a)
                next(a, words)
            },
        })
    const value = (name: string, words: number, e: Expression) => plain(name, words, a => emitStore(a, "A", e))
    const made = (name: string, words: number, emit: (a: Assembler) => void) =>
        plain(name, words, a => {
            emit(a)
            emitStore(a, "A", ["RET_VAL"])
        })
    plain("rethrow A", 1, a => a.emit("RE_THROW", A))
    plain("debugger", 1, a => a.emit("DEBUGGER"))
    all.push({ name: "if A nullish", words: 3, emit: a => branch(a, ["TO_INT", ["IS_NULLISH", A]], 1) })
    plain("S=[]", 2, a => {
        a.emit("ALLOC_ARRAY", K(1))
        a.emit("STORE_LOCAL", spillSlot, ["RET_VAL"])
    })
    value("A=S[K]", 2, ["INDEX", S, K(1)])
    plain("B=S[K]", 2, a => a.emit("STORE_LOCAL", secondSlot, ["INDEX", S, K(1)]))
    plain("S[K]=A", 2, a => a.emit("INDEX_SET", S, K(1), A))
    plain("S[K][B]=A", 2, a => a.emit("INDEX_SET", ["INDEX", S, K(1)], B, A))
    plain("store buffer S[K]", 3, a => a.emit("STORE_BUFFER", ["INDEX", S, K(2)], K(1), B, A))
    value("A=cell", 2, ["INDEX", K(1), 0])
    plain("cell=A", 2, a => a.emit("INDEX_SET", K(1), 0, A))
    made("delete B[A]", 1, a => a.emit("INDEX_DELETE", B, A))
    made("call B(...A)", 1, a => a.emit("CALL_ARRAY", B, A))
    made("A={}", 1, a => a.emit("ALLOC_MAP"))
    made("A=[]", 2, a => a.emit("ALLOC_ARRAY", K(1)))
    made("A=buffer", 1, a => a.emit("ALLOC_BUFFER", A))
    value("A=load buffer", 2, ["LOAD_BUFFER", B, K(1), A])
    for (const slot of base.capturedSlots) {
        value(`A=c${slot}`, 2, ["LOAD_CLOSURE", slot, K(1)])
        plain(`c${slot}=A`, 2, a => a.emit("STORE_CLOSURE", slot, K(1), A))
    }
    for (const slot of base.farPlaces) {
        value(`A=L${slot}`, 1, R(slot))
        plain(`L${slot}=A`, 1, a => a.emit("STORE_LOCAL", slot, A))
    }
    for (const f of base.closures) value(`A=closure${f}`, 1, ["MAKE_CLOSURE", f])
    // level 1 of what they make is the maker's frame, which has the code array, and level 2 this frame
    for (const kind of addedKinds) made(`A=new ${kind}`, 2, a => a.emit("CALL1", ["MAKE_CLOSURE", base.makers[kind]], K(1)))
    return all
}

/** What replaced code tells the ledger. */
function ledger(resident: ResidentFunctions): Operation[] {
    const call = (name: string, words: number, emit: (a: Assembler) => void): Operation => ({
        name,
        words,
        emit: a => {
            emit(a)
            next(a, words)
        },
    })
    return [
        call("enter call", 1, a => a.emit("CALL2", ["STATIC_FUNCTION", resident.enterCall], ["UNDEFINED"], CODE)),
        call("leave call", 1, a => a.emit("CALL1", ["STATIC_FUNCTION", resident.leaveCall], CODE)),
        call("move call", 2, a => a.emit("CALL2", ["STATIC_FUNCTION", resident.moveCall], K(1), CODE)),
    ]
}

/** Operators of expressions that take their operands from the stack alone. */
const operators = Object.values(op).filter(o => !o.isStatement && o.immediate === undefined)
/** Operators that code never has on its own: the VM's literals, and what the executor does in other ways. */
const unused: ReadonlySet<OpName> = new Set<OpName>(["LOAD_BUFFER", "RET_VAL"])

function coreFused(base: BaseHandlers): string[] {
    const names: string[] = []
    for (const r of allRegisters) names.push(`A=R${r}`, `R${r}=A`, `B=R${r}`)
    names.push("A=K", "B=K", "B=A", "A=A.K", "B[K]=A", "return A", "return K", "if A")
    for (const o of operators) {
        if (unused.has(o.name)) continue
        if (o.operands === 2) names.push(`A=B ${o.name} A`)
        if (o.operands === 1) names.push(`A=${o.name} A`)
    }
    // the temporary that an array is filled through
    for (const r of allRegisters.slice(0, temporaryRegisters)) names.push(`R${r}[B]=A`, `R${r}[K]=A`)
    names.push("A=call K()", "A=call K(A)", "A=call K(B,A)", "A=call A()", "A=call B(A)", "A=call A.K()", "A=call B.K(A)")
    for (const g of base.globals) names.push(`A=g${g}`, `g${g}=A`)
    return names
}

/** Registers that statements are given for objects which they store into. */
export const temporaryRegisters = 6
