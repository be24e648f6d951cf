import { builtinObjects, builtinStrings } from "./builtins.ts"
import { decodeCode, type Expr } from "./code.ts"
import type { DevsImage } from "./image.ts"
import type { Opcode } from "./opcodes.ts"

export interface BytecodeLine {
    /** offset in the function's code */
    readonly pc: number
    readonly text: string
}

/** A function's bytecode as text, one line a statement, names and constants in the place of their numbers. */
export function disassembleBytecode(image: DevsImage, functionIndex: number): BytecodeLine[] {
    return decodeCode(image.functions[functionIndex].code).map(s => ({
        pc: s.pc,
        text: [operationText(image, s.op, s.immediate), s.args.map(a => exprText(image, a)).join(", ")].filter(t => t !== "").join(" "),
    }))
}

function exprText(image: DevsImage, e: Expr): string {
    if (e.kind === "int") return String(e.value)
    const operation = operationText(image, e.op, e.immediate)
    return e.args.length ? `${operation}(${e.args.map(a => exprText(image, a)).join(", ")})` : operation
}

function operationText(image: DevsImage, op: Opcode, immediate: number): string {
    const text = immediateText(image, op, immediate)
    return text === undefined ? op.name : `${op.name} ${text}`
}

function immediateText(image: DevsImage, op: Opcode, n: number): string | undefined {
    switch (op.immediate) {
        case undefined:
            return undefined
        case "function":
            return image.functions[n]?.name ?? String(n)
        case "builtinString":
            return JSON.stringify(builtinStrings[n])
        case "asciiString":
            return JSON.stringify(image.asciiStrings[n])
        case "utf8String":
            return JSON.stringify(image.utf8Strings[n])
        case "float":
            return String(image.floats[n])
        case "builtinObject":
            return builtinObjects[n] ?? String(n)
        case "jump":
            return `→${n}`
        case "local":
            return `L${n}`
        case "global":
            return `G${n}`
        default:
            return String(n)
    }
}
