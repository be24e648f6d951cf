import { patchableInProcess } from "../../test/support/replaced-program.ts"
import { heapAtEnd } from "../../test/support/settled-heap.ts"
import { buildUpdate } from "../../toolchain/diff/build-update.ts"

/** What a loaded image takes of the board's heap, whatever it holds: bytes for each function, and for each instruction in them. */
export interface HeapCost {
    readonly bytesPerInstruction: number
    readonly bytesPerFunction: number
    /** of a whole image of some 500 instructions in 16 functions, with all that it takes besides */
    readonly wholeBytesPerInstruction: number
}

/** Measured with images that differ in the length of their functions alone, and in the number of them alone. */
export async function heapCost(): Promise<HeapCost> {
    const [short, long, many] = [await measured(2, 4), await measured(2, 24), await measured(8, 4)]
    const bytesPerInstruction = (long.bytes - short.bytes) / (long.instructions - short.instructions)
    const bytesPerFunction = (many.bytes - short.bytes - bytesPerInstruction * (many.instructions - short.instructions)) / (many.functions - short.functions)
    return { bytesPerInstruction, bytesPerFunction, wholeBytesPerInstruction: many.bytes / many.instructions }
}

interface Measured {
    readonly bytes: number
    readonly instructions: number
    readonly functions: number
}

/** What the sample programs' functions are made of. */
const block = `x = (x * 7 + y) & 255
        if (x > 100) y = y - x
        else y = y + point.a
        point.b = x
        sum += other(x + 1)
        if (!point.c && y < point.a) return sum`

async function measured(functions: number, blocks: number): Promise<Measured> {
    const bodies = Array.from({ length: functions }, (_, i) => `function f${i}(x: number, y: number, point: any): number {
        let sum = 0
        ${Array.from({ length: blocks }, () => block).join("\n        ")}
        return sum
    }`)
    const calls = Array.from({ length: functions }, (_, i) => `f${i}(${i}, 5, { a: 3, b: 4, c: 0 })`).join(" + ")
    const source = `function other(n: number): number { return n >> 1 }\n${bodies.join("\n")}\nconsole.log(${calls})\nconsole.log("done")\n`
    const p = patchableInProcess({ "program.ts": source })
    const { file, shipped } = buildUpdate(p.base, p.base.program, { sequence: 1, replaceAll: true })
    const bytes = (await heapAtEnd(p.withImage(file))) - (await heapAtEnd(p.withImage(undefined)))
    return { bytes, instructions: shipped.reduce((n, s) => n + s.laidOut.instructions.length, 0), functions: shipped.length }
}
