import { FunctionFlag } from "../devs/image.ts"
import { accumulatorSlot } from "../executor/frame.ts"
import { switchPoints } from "../link/loops.ts"
import type { ProgramFunction } from "../program/compiled-program.ts"
import type { FaultPolicy } from "../translate/guest-code.ts"
import type { CapturedVariables } from "./captured.ts"

/**
 * What the board does with a call whose new code throws while the update is on trial. A callback that returns nothing can
 * be left out; a call whose result is used is made again on the older code.
 */
export function faultPolicy(next: ProgramFunction, before: ProgramFunction, captured: CapturedVariables): FaultPolicy {
    // left out, a loop that goes on for ever would be gone
    const isNeeded = returnsValue(next) || returnsValue(before) || switchPoints(before).length > 0
    if (!isNeeded) return "skip"
    return canKeepParameters(next, captured) ? "rerun" : "rethrow"
}

function returnsValue(f: ProgramFunction): boolean {
    if ((f.devs.flags & FunctionFlag.isConstructor) !== 0) return true
    return f.statements.some(s => s.op.name === "RETURN" && !(s.args[0].kind === "op" && s.args[0].op.name === "UNDEFINED"))
}

/** The ninth parameter arrives where the executor works; one that is captured and assigned can have no copy. */
function canKeepParameters(f: ProgramFunction, captured: CapturedVariables): boolean {
    const slots = [...captured.of(f.index).keys()].filter(slot => slot < f.devs.args)
    const isAssigned = (slot: number) =>
        f.statements.some(s => s.op.name === "STORE_LOCAL" && s.immediate === slot) || captured.isAssignedByInner(f.index, slot)
    return f.devs.args <= accumulatorSlot && !slots.some(isAssigned)
}
