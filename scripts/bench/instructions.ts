import { runProgram } from "../../sim/index.ts"
import { Assembler } from "../../toolchain/devs/assembler.ts"
import { builtinObjects, builtinStringIndex } from "../../toolchain/devs/builtins.ts"
import { decodeCode, type Statement, visitExprs } from "../../toolchain/devs/code.ts"
import { type DevsFunction, functionStarts, parseDevs, serializeDevs } from "../../toolchain/devs/image.ts"
import { expressionOf, placeOf } from "../../toolchain/devs/reassemble.ts"
import type { LinkedBase } from "../../toolchain/link/link-base.ts"

export interface Executed {
    /** operations of the VM from the program's first statement to the line `took …` */
    readonly operations: number
    /** instructions of replaced code among them: handlers that were run */
    readonly instructions: number
}

/**
 * Runs a program with counters in it: at the start of each stretch of code that has no jump in it or into it, the number of
 * its operations is added to a global. The counters' own operations do not count; as with them a loop may need more than
 * the VM allows without a yield, loops yield now and then. Undefined when the program does not come to that line.
 *
 * @param base of a linked program: counting begins where its application does, behind the loader
 */
export async function countExecuted(program: Uint8Array, base?: LinkedBase): Promise<Executed | undefined> {
    const { lines } = await runProgram(withCounters(program, base), { until: /^> done/, clock: "skip", timeoutMs: 120_000 })
    const at = lines.findIndex(l => l.startsWith("> took "))
    const counts = lines.slice(at + 1, at + 3).map(l => /^[oi] (\d+)$/.exec(l)?.[1])
    return at >= 0 && counts[0] !== undefined && counts[1] !== undefined ? { operations: Number(counts[0]), instructions: Number(counts[1]) } : undefined
}

interface Counters {
    readonly operations: number
    readonly instructions: number
    /** the count at which the next loop yields, and `ret_val` meanwhile */
    readonly yieldAt: number
    readonly saved: number
    /** the VM's own `print`, which is called through a function that shows the counters too */
    readonly print: number
}

function withCounters(program: Uint8Array, base: LinkedBase | undefined): Uint8Array {
    const image = parseDevs(program)
    const starts = functionStarts(image)
    const counters: Counters = { operations: image.globals, instructions: image.globals + 1, print: image.globals + 2, yieldAt: image.globals + 3, saved: image.globals + 4 }
    const handlers = new Set(base?.handlerAddresses)
    const functions = image.functions.map((f, i) => {
        const a = new Assembler()
        if (i === 0) showCounters(a, counters, image.functions.length)
        count(a, decodeCode(f.code), counters, pc => handlers.has(starts[i] + pc), i === 0 ? base?.hosts[0].pointer : undefined)
        return { ...f, code: a.finish().code }
    })
    return serializeDevs({ ...image, functions: [...functions, printer(image.functions[0], counters)], globals: image.globals + 5 })
}

const print = builtinStringIndex("print")!
const dsObject = builtinObjects.indexOf("DeviceScript")

/** At the very start, and again when `main` is called as the door to the executor, where it does no harm. */
function showCounters(a: Assembler, counters: Counters, printerIndex: number): void {
    a.emit("JMP_Z", "shown", ["IS_UNDEFINED", ["LOAD_GLOBAL", counters.print]])
    a.emit("STORE_GLOBAL", counters.print, ["DS_FIELD", print])
    reset(a, counters)
    a.emit("INDEX_SET", ["BUILTIN_OBJECT", dsObject], ["STATIC_BUILTIN_STRING", print], ["STATIC_FUNCTION", printerIndex])
    a.label("shown")
}

function reset(a: Assembler, counters: Counters): void {
    for (const g of [counters.operations, counters.instructions, counters.yieldAt]) a.emit("STORE_GLOBAL", g, 0)
}

/** Counted operations between two yields of a loop: with the counters' own a part of what the VM allows. */
const yieldAfter = 10_000

function yieldNowAndThen(a: Assembler, counters: Counters, label: string): void {
    a.emit("JMP_Z", label, ["LT", ["LOAD_GLOBAL", counters.yieldAt], ["LOAD_GLOBAL", counters.operations]])
    a.emit("STORE_GLOBAL", counters.yieldAt, ["ADD", ["LOAD_GLOBAL", counters.operations], yieldAfter])
    a.emit("STORE_GLOBAL", counters.saved, ["RET_VAL"])
    a.emit("CALL1", ["DS_FIELD", builtinStringIndex("sleep")!], 0)
    a.emit("STORE_RET_VAL", ["LOAD_GLOBAL", counters.saved])
    a.label(label)
}

/** `(level, text)`: prints the line, then the counters. */
function printer(like: DevsFunction, counters: Counters): DevsFunction {
    const a = new Assembler()
    const show = (level: string, counter: number) =>
        a.emit("CALL2", ["LOAD_GLOBAL", counters.print], level.charCodeAt(0), ["ADD", ["STATIC_BUILTIN_STRING", builtinStringIndex("")!], ["LOAD_GLOBAL", counter]])
    a.emit("CALL2", ["LOAD_GLOBAL", counters.print], ["LOAD_LOCAL", 0], ["LOAD_LOCAL", 1])
    show("o", counters.operations)
    show("i", counters.instructions)
    a.emit("RETURN", ["UNDEFINED"])
    return { ...like, code: a.finish().code, args: 2, slots: 2, flags: 0, tryFrames: 0 }
}

function count(a: Assembler, statements: readonly Statement[], counters: Counters, isHandler: (pc: number) => boolean, entryPointer: number | undefined): void {
    const heads = blockHeads(statements, isHandler)
    const loops = new Set(statements.flatMap(s => (s.op.name.startsWith("JMP") && s.immediate <= s.pc ? [s.immediate] : [])))
    const add = (counter: number, n: number) => a.emit("STORE_GLOBAL", counter, ["ADD", ["LOAD_GLOBAL", counter], n])
    statements.forEach((s, k) => {
        a.label(placeOf(s.pc))
        const countHere = () => {
            add(counters.operations, operationsFrom(statements, heads, k))
            if (isHandler(s.pc)) add(counters.instructions, 1)
            if (loops.has(s.pc)) yieldNowAndThen(a, counters, `yielded ${s.pc}`)
        }
        // an exception's target has to be what catches it
        const isCatch = s.op.name === "CATCH" || s.op.name === "FINALLY"
        if (heads.has(k) && !isCatch) countHere()
        if (isPreludeOf(s, entryPointer)) {
            reset(a, counters)
        }
        const args = s.args.map(expressionOf)
        if (s.op.immediate === undefined) a.emit(s.op.name, ...args)
        else a.emit(s.op.name, s.op.immediate === "jump" ? placeOf(s.immediate) : s.immediate, ...args)
        if (heads.has(k) && isCatch) countHere()
    })
}

function isPreludeOf(s: Statement, pointer: number | undefined): boolean {
    const condition = s.op.name === "JMP_Z" ? s.args[0] : undefined
    return pointer !== undefined && condition?.kind === "op" && condition.op.name === "LOAD_GLOBAL" && condition.immediate === pointer
}

function blockHeads(statements: readonly Statement[], isHandler: (pc: number) => boolean): Set<number> {
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    const heads = new Set([0])
    statements.forEach((s, i) => {
        if (isHandler(s.pc) || s.op.name === "CATCH" || s.op.name === "FINALLY") heads.add(i)
        const leaves = s.op.immediate === "jump" || ["RETURN", "THROW", "RE_THROW"].includes(s.op.name)
        if (leaves) heads.add(i + 1)
        if (s.op.immediate === "jump" && at.has(s.immediate)) heads.add(at.get(s.immediate)!)
    })
    return heads
}

/** Operations of a block: statements and all that stands in them. */
function operationsFrom(statements: readonly Statement[], heads: ReadonlySet<number>, first: number): number {
    let n = 0
    for (let k = first; k < statements.length && (k === first || !heads.has(k)); k++) {
        n++
        visitExprs(statements[k].args, () => n++)
    }
    return n
}
