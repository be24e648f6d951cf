import type { LinkedBase } from "../link/link-base.ts"
import { sourcePosition } from "../program/debug-info.ts"
import { type Registration, topLevelUnits } from "../program/top-level.ts"
import { type ImageMap, locateInImage } from "../format/image-map.ts"

/** A call of the update ledger, as a board reports it. */
export interface OldCall {
    /** number of the function of the base; null for one that an image had brought along */
    readonly host: number | null
    /** image whose code it runs, and the function's number in it; null for the base's own */
    readonly sequence: number | null
    readonly function: number | null
}

export interface NamedCall {
    readonly functionName: string
    readonly location: string | undefined
    /** what it was registered as at top level, if it was */
    readonly role: Registration["kind"] | "call"
}

/**
 * Names a function that still runs old code. Without what it takes (the bundle of the board's base, the image's map) the
 * numbers stay.
 */
export function nameOldCall(call: OldCall, base: LinkedBase | undefined, map: ImageMap | undefined): NamedCall {
    const host = call.host === null ? undefined : base?.hosts[call.host]
    const role = (host && base && roleOf(base, host.functionIndex)) ?? "call"
    if (call.function !== null) {
        const f = map?.functions[call.function]
        return { functionName: f?.name ?? `function ${call.function}`, location: map && locateInImage(map, call.function, 0), role }
    }
    if (!host || !base) return { functionName: call.host === null ? "?" : `function ${call.host} of the base`, location: undefined, role }
    const { program } = base
    if (host.functionIndex === 0) return { functionName: "top-level code", location: undefined, role }
    const f = program.functions[host.functionIndex]
    const position = sourcePosition(program.debug, f.debug.location[0])
    return { functionName: f.name, location: position && `${position.path}:${position.line}`, role }
}

function roleOf(base: LinkedBase, functionIndex: number): Registration["kind"] | undefined {
    for (const { registration } of topLevelUnits(base.program)) {
        const callback = registration?.callback
        if (callback?.kind === "op" && ["STATIC_FUNCTION", "MAKE_CLOSURE"].includes(callback.op.name) && callback.immediate === functionIndex)
            return registration?.kind
    }
    return undefined
}
