import type { Statement } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import { recordPlace } from "../link/registrations.ts"
import { handleOf } from "./reach.ts"
import { expression, integer } from "./sequence.ts"
import { recordsMarker } from "./two-programs.ts"

/**
 * A function that only registers things, called by new top-level code: what it registers is kept by the resident, so that it
 * can be ended when the base's code comes back.
 */
export function keepsHandles(statements: readonly Statement[]): readonly Statement[] {
    return statements.flatMap(s => {
        if (!handleOf(s)) return [s]
        const keep = expression("INDEX", -1, expression("LOAD_GLOBAL", recordsMarker), integer(recordPlace.keep))
        return [s, { pc: s.pc + 0.5, end: s.end, op: op.CALL1, immediate: -1, args: [keep, expression("RET_VAL")] }]
    })
}
