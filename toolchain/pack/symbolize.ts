import type { LinkedBase } from "../link/link-base.ts"
import { type ImageMap, locateInImage } from "./image-map.ts"
import { PackError } from "./pack-error.ts"
import { type SourceLines, sourceLines } from "./source-lines.ts"

/** A fault as a board tells it, with the names that it has in a status: numbers and addresses only. */
export interface FaultDiagnostics {
    readonly msg?: string
    /** function of the image, in its order */
    readonly fn?: number
    /** place in its code array */
    readonly pc?: number
    /** the VM's stack at the throw, innermost first: addresses in the linked base, u16 each, as hex digits */
    readonly native?: string
    /** ms since the board started */
    readonly up?: number
    /** beginning of the image's digest, hex digits */
    readonly img?: string
    readonly code?: string
    readonly kind?: string
}

/**
 * - `replaced`: a function of the image; - `executor`: a caller that runs replaced code too, whose name the board does not
 *   tell; - `base`: native code; - `unknown`: no function is at this address.
 */
export interface FaultFrame {
    readonly kind: "replaced" | "executor" | "base" | "unknown"
    readonly functionName: string
    /** `path:line`, or "?" */
    readonly location: string
    /** address in the linked base, or place in the image's code array for `replaced` */
    readonly address: number
    /** the operation that the executor was at */
    readonly operation?: string
}

export interface SymbolizedFault {
    readonly message: string
    /** function and line that threw */
    readonly functionName: string
    readonly location: string
    readonly frames: readonly FaultFrame[]
    readonly image: string | undefined
    readonly uptimeMs: number | undefined
}

/**
 * Names functions and source lines of a fault. Without the map only the base's own frames have names, without the base
 * only the function of the image that threw.
 *
 * Example: `formatFault(symbolizeFault(command.diagnostics, map, bundle.linked))`
 * @throws PackError `HOV_MAP_BASE`, `HOV_MAP_IMAGE` when map, base and fault do not belong together
 */
export function symbolizeFault(fault: FaultDiagnostics, map: ImageMap | undefined, base?: LinkedBase): SymbolizedFault {
    if (map) checkBelongs(fault, map, base)
    const source = base && sourceLines(base.debug)
    const replaced = replacedFrame(fault, map)
    const frames: FaultFrame[] = []
    let placed = replaced === undefined
    for (const address of addresses(fault.native ?? "")) {
        const frame = base && source && nativeFrame(address, base, source)
        if (!frame) continue
        if (frame.kind === "executor" && !placed) {
            frames.push({ ...replaced!, operation: frame.operation })
            placed = true
        } else frames.push(frame)
    }
    if (!placed) frames.unshift(replaced!)
    const first = frames[0]
    return {
        message: fault.msg ?? "",
        functionName: first?.functionName ?? "?",
        location: first?.location ?? "?",
        frames,
        image: map?.imageDigest ?? fault.img,
        uptimeMs: fault.up,
    }
}

/** The fault as text: the message, then a line for each frame, innermost first. */
export function formatFault(fault: SymbolizedFault): string {
    const lines = fault.frames.map(f => {
        const where = f.location !== "?" ? ` (${f.location})` : ""
        const note = f.kind === "replaced" ? " [image]" : f.kind === "executor" ? ` [image, ${f.operation ?? "executor"}]` : ""
        return `    at ${f.functionName}${where}${note}`
    })
    return [fault.message || "fault", ...lines].join("\n")
}

function checkBelongs(fault: FaultDiagnostics, map: ImageMap, base: LinkedBase | undefined): void {
    const baseId = base && Buffer.from(base.baseId).toString("hex")
    if (baseId && map.baseId !== baseId)
        throw new PackError("HOV_MAP_BASE", `the map is for base ${map.baseId}, not ${baseId}: take the map and the bundle of the same base`)
    if (fault.img && !map.imageDigest.startsWith(fault.img))
        throw new PackError("HOV_MAP_IMAGE", `the fault is of image ${fault.img}, the map of ${map.imageDigest.slice(0, fault.img.length)}: take the map of that release`)
}

function replacedFrame(fault: FaultDiagnostics, map: ImageMap | undefined): FaultFrame | undefined {
    const { fn, pc } = fault
    if (fn === undefined || pc === undefined) return undefined
    const f = map?.functions[fn]
    return {
        kind: "replaced",
        functionName: f?.name ?? `function ${fn} of the image`,
        location: (map && locateInImage(map, fn, pc)) ?? "?",
        address: pc,
    }
}

function* addresses(hex: string): Iterable<number> {
    const bytes = Buffer.from(hex, "hex")
    for (let i = 0; i + 1 < bytes.length; i += 2) yield bytes.readUInt16LE(i)
}

/** An address is behind what was executed, so the byte before it is looked up. */
function nativeFrame(address: number, linked: LinkedBase, source: SourceLines): FaultFrame {
    const at = address - 1
    const { start, end } = executorRange(linked)
    if (at >= start && at < end) {
        let number = -1
        linked.handlerAddresses.forEach((handler, i) => {
            if (handler <= at && (number < 0 || handler > linked.handlerAddresses[number])) number = i
        })
        const operation = linked.operations[number]?.name
        return { kind: "executor", functionName: "a replaced function", location: "?", address, operation }
    }
    const index = source.functionAt(at)
    if (index === undefined) return { kind: "unknown", functionName: "?", location: "?", address }
    const position = source.positionAt(index, at)
    return {
        kind: "base",
        functionName: index === 0 ? "top-level code" : linked.debug.functions[index].name,
        location: position ? `${position.path}:${position.line}` : "?",
        address,
    }
}

/** The executor is the last part of `main`. */
export function executorRange(linked: LinkedBase): { start: number; end: number } {
    const main = linked.debug.functions[0]
    const end = main.startpc + main.size
    return { start: end - linked.sizes.executorBytes, end }
}

/** The diagnostics object of a status, as boards and the cloud write it; undefined when it holds no fault. */
export function faultOfDiagnostics(diag: unknown): FaultDiagnostics | undefined {
    if (typeof diag !== "object" || diag === null) return undefined
    const d = diag as Record<string, unknown>
    const number = (x: unknown) => (typeof x === "number" && Number.isInteger(x) && x >= 0 ? x : undefined)
    const text = (x: unknown) => (typeof x === "string" ? x : undefined)
    const fault: FaultDiagnostics = {
        msg: text(d.msg),
        fn: number(d.fn),
        pc: number(d.pc),
        native: text(d.native),
        up: number(d.up),
        img: text(d.img) || undefined,
        code: text(d.code),
        kind: text(d.kind),
    }
    return fault.fn === undefined && !fault.native ? undefined : fault
}

const faultLine = /HOV (?:thrown|fault) fn=(\d+) pc=(\d+) (?:native=([0-9a-f]*) )?msg=(.*)$/

/** The fault that a line of a board's serial log tells of: `HOV thrown fn=0 pc=17 native=… msg=…`, or `HOV fault …`. */
export function faultOfLogLine(line: string): FaultDiagnostics | undefined {
    const found = faultLine.exec(line.trimEnd())
    if (!found) return undefined
    return { fn: Number(found[1]), pc: Number(found[2]), native: found[3], msg: found[4] }
}

const stackLine = /at (\S+)_F(\d+) \(pc:(\d+)\)/

/** Function and line of a line of the VM's own stack traces, `at name_F12 (pc:34)`, or undefined. */
export function symbolizeStackLine(line: string, linked: LinkedBase): FaultFrame | undefined {
    const found = stackLine.exec(line)
    const f = found && linked.debug.functions[Number(found[2])]
    return f ? nativeFrame(f.startpc + Number(found[3]), linked, sourceLines(linked.debug)) : undefined
}
