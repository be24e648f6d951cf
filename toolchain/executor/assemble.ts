import { Assembler } from "../devs/assembler.ts"
import { decodeCode, visitExprs } from "../devs/code.ts"
import { R } from "./frame.ts"
import { fixedHandlers, type Operation } from "./operations.ts"

/**
 * Assembles the handlers and the code that captures their values.
 *
 * A handler's value can only be made by the VM itself: a `throw_jmp` out of a try block leaves it in `ret_val` of the
 * `finally`. `capture(k)` does that for handler k; -1 is the `rethrow` handler with one level more, which takes the
 * prelude's try frame off on the way.
 */

/** Handlers behind one group of captures: few enough that most jumps to them take one byte. */
const groupSize = 8

export interface AssembledExecutor {
    code: Uint8Array
    /** offset of `capture` in the code; it reads the handler number from local 0 */
    captureOffset: number
    /** offset of each handler, by handler number; the end of the last one is the end of the code */
    handlerOffsets: number[]
}

export function assembleExecutor(operations: readonly Operation[]): AssembledExecutor {
    const a = new Assembler()
    a.label("capture")
    a.emit("TRY", "captured")
    const groups = Math.ceil(operations.length / groupSize)
    a.emit("JMP_Z", "rethrow", ["LE", 0, R(0)])
    select(a, 0, groups, n => n * groupSize, g => a.emit("JMP", `group${g}`))
    a.label("rethrow")
    a.emit("THROW_JMP", `h${fixedHandlers.indexOf("rethrow")}`, 2)
    a.label("captured")
    a.emit("FINALLY")
    a.emit("RETURN", ["RET_VAL"])
    for (let g = 0; g < groups; g++) {
        const first = g * groupSize
        const last = Math.min(first + groupSize, operations.length)
        a.label(`group${g}`)
        // small bounds take one byte
        if (first > 0) a.emit("STORE_LOCAL", 0, ["SUB", R(0), first])
        select(a, first, last, n => n - first, k => a.emit("THROW_JMP", `h${k}`, 1))
        for (let k = first; k < last; k++) {
            a.label(`h${k}`)
            operations[k].emit(a)
        }
    }
    const { code, labels } = a.finish()
    return { code, captureOffset: 0, handlerOffsets: operations.map((_, k) => labels.get(`h${k}`)!) }
}

/** Operations of the VM that a handler takes. */
export function vmOperations(operation: Operation): number {
    const a = new Assembler()
    operation.emit(a)
    let count = 0
    for (const s of decodeCode(a.finish().code)) {
        count++
        visitExprs(s.args, () => count++)
    }
    return count
}

let selections = 0

/** A binary search for local 0 over [low, high); `bound(n)` is the value at which part n begins. */
function select(a: Assembler, low: number, high: number, bound: (n: number) => number, leaf: (n: number) => void): void {
    if (high - low === 1) {
        leaf(low)
        return
    }
    const middle = (low + high) >> 1
    const label = `select${selections++}`
    a.emit("JMP_Z", label, ["LT", R(0), bound(middle)])
    select(a, low, middle, bound, leaf)
    a.label(label)
    select(a, middle, high, bound, leaf)
}
