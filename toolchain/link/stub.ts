import { Assembler } from "../devs/assembler.ts"
import { FunctionFlag, type DevsFunction } from "../devs/image.ts"
import type { AddedKind } from "../format/image.ts"
import { codeSlot, frameSlots } from "../executor/frame.ts"
import type { MachineGlobals } from "../executor/operations.ts"
import { emitReplacedCode } from "./replaced-code.ts"

/** More parameters than any call passes arguments, or one that gets them all. */
const entries: Readonly<Record<AddedKind, { args: number; flags: number }>> = {
    function: { args: 8, flags: 0 },
    method: { args: 9, flags: FunctionFlag.needsThis },
    "rest function": { args: 1, flags: FunctionFlag.hasRestArgument },
    "rest method": { args: 2, flags: FunctionFlag.needsThis | FunctionFlag.hasRestArgument },
}

/**
 * Body of the function that `makeFunction` and `makeMethod` close over their code array with: a host that has no code
 * of its own.
 */
export function stubFunction(f: DevsFunction, kind: AddedKind, machine: MachineGlobals): DevsFunction {
    const a = new Assembler()
    a.emit("STORE_LOCAL", codeSlot, ["LOAD_CLOSURE", 0, 1])
    emitReplacedCode(a, machine, "end")
    // an added function has no older code to fall back to
    a.emit("RETURN", ["UNDEFINED"])
    return {
        ...f,
        code: a.finish().code,
        slots: frameSlots,
        tryFrames: 1,
        ...entries[kind],
    }
}
