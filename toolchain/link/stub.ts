import { Assembler } from "../devs/assembler.ts"
import { FunctionFlag, type DevsFunction } from "../devs/image.ts"
import { CODE, codeSlot, frameSlots, secondSlot } from "../executor/frame.ts"
import type { MachineGlobals } from "../executor/operations.ts"

/**
 * Body of the function that `makeFunction` and `makeMethod` close over their code array with: a host that has no code
 * of its own. It takes eight arguments, more than any call passes.
 */
export function stubFunction(f: DevsFunction, kind: "function" | "method", machine: MachineGlobals): DevsFunction {
    const a = new Assembler()
    a.emit("STORE_LOCAL", codeSlot, ["LOAD_CLOSURE", 0, 1])
    a.label("try")
    a.emit("TRY", "thrown")
    a.emit("THROW", ["INDEX", CODE, 0])
    a.label("thrown")
    a.emit("CATCH")
    a.emit("STORE_LOCAL", secondSlot, ["RET_VAL"])
    a.emit("STORE_GLOBAL", machine.budgetLeft, ["LOAD_GLOBAL", machine.budget])
    a.emit("STORE_GLOBAL", machine.budget, 1)
    // an added function has no older code to fall back to
    a.emit("JMP_Z", "end", CODE)
    a.emit("JMP", "try")
    a.label("end")
    a.emit("RETURN", ["UNDEFINED"])
    return {
        ...f,
        code: a.finish().code,
        slots: frameSlots,
        tryFrames: 1,
        args: kind === "method" ? 9 : 8,
        flags: kind === "method" ? FunctionFlag.needsThis : 0,
    }
}
