import type { Assembler } from "../devs/assembler.ts"
import { CODE, secondSlot } from "../executor/frame.ts"
import type { MachineGlobals } from "../executor/operations.ts"

/**
 * Runs the code array in CODE in the frame at hand, and comes back to it with every exception:
 *
 * ```
 * try: try { throw CODE[0] }        // jumps to the entry handler; replaced code runs in this frame
 *      catch (e) { B := e; budgetLeft := budget; budget := 1; if (CODE) goto try }
 *                                   // the entry handler sees the budget end and looks at B
 * end:                              // the guard has taken CODE away
 * ```
 */
export function emitReplacedCode(a: Assembler, machine: MachineGlobals, end: string): void {
    a.label("try")
    a.emit("TRY", "thrown")
    a.emit("THROW", ["INDEX", CODE, 0])
    a.label("thrown")
    a.emit("CATCH")
    a.emit("STORE_LOCAL", secondSlot, ["RET_VAL"])
    a.emit("STORE_GLOBAL", machine.budgetLeft, ["LOAD_GLOBAL", machine.budget])
    a.emit("STORE_GLOBAL", machine.budget, 1)
    a.emit("JMP_Z", end, CODE)
    a.emit("JMP", "try")
    a.label(end)
}
