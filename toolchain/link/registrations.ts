import type { CompiledProgram } from "../program/compiled-program.ts"
import { topLevelUnits, type Unit } from "../program/top-level.ts"
import { LinkError } from "./errors.ts"
import { eachImmediate } from "./hosts.ts"

/** Places of the resident's `records`; see src/hotswap/registrations.ts. */
export const recordPlace = { release: 0, keep: 1, started: 3, first: 4 } as const

export interface RecordedCall {
    /** where its handle is in the resident's `records` */
    readonly number: number
    /** offset in `main` behind the statement */
    readonly end: number
    /** global that the program keeps the handle in */
    readonly keptIn: number | undefined
}

/** The top-level statements of a base whose handles are kept, in order. */
export function recordedCalls(program: CompiledProgram): RecordedCall[] {
    return topLevelUnits(program)
        .filter(u => u.registration)
        .map((u, i) => ({
            number: recordPlace.first + i,
            end: u.statements[u.statements.length - 1].end,
            keptIn: u.registration!.keptIn,
        }))
}

/**
 * Offset in `main` behind which nothing stands that an update could have to go over to: all timers and variables are there.
 * Undefined when there are none.
 */
export function startedAt(units: readonly Unit[]): number | undefined {
    const last = units.findLast(u => u.registration || u.variable)
    return last?.statements[last.statements.length - 1].end
}

export function recordsGlobal(program: CompiledProgram): number {
    const release = program.functions.find(f => f.owner === "resident" && f.name === "release" && f.path.endsWith("hotswap/registrations.ts"))
    let found: number | undefined
    if (release)
        eachImmediate(release, ["LOAD_GLOBAL"], g => {
            if (program.debug.globals[g].name === "records") found = g
        })
    if (found === undefined) throw new LinkError("HOV_LINK_RESIDENT", "records of hotswap/registrations.ts is not in the program")
    return found
}
