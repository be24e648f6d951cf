import { type DebugInfo, type SourcePosition, sourceMapEntries, sourcePosition } from "../program/debug-info.ts"

/** Finds the source of a program counter; made once for a program, asked often. */
export interface SourceLines {
    /** function whose code is at this address, or undefined */
    functionAt(address: number): number | undefined
    /** place in the source of an address within a function */
    positionAt(functionIndex: number, address: number): SourcePosition | undefined
}

export function sourceLines(debug: DebugInfo): SourceLines {
    const entries = sourceMapEntries(debug).sort((x, y) => x.pc - y.pc)
    return {
        functionAt: address => {
            const found = debug.functions.findIndex(f => address >= f.startpc && address < f.startpc + f.size)
            return found < 0 ? undefined : found
        },
        positionAt: (functionIndex, address) => {
            const { startpc, location } = debug.functions[functionIndex]
            let low = 0
            let high = entries.length
            while (low < high) {
                const middle = (low + high) >> 1
                if (entries[middle].pc <= address) low = middle + 1
                else high = middle
            }
            const entry = entries[low - 1]
            return sourcePosition(debug, entry && entry.pc >= startpc ? entry.offset : location[0])
        },
    }
}
