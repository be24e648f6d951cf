import { Assembler, type Expression } from "../devs/assembler.ts"
import { type DevsFunction, functionStarts, parseDevs, serializeDevs, sha256 } from "../devs/image.ts"
import { assembleExecutor } from "../executor/assemble.ts"
import { frameSlots, R } from "../executor/frame.ts"
import { type MachineGlobals, type Operation, operationTable } from "../executor/operations.ts"
import { type CompiledProgram, entrySplit, type ProgramFunction } from "../program/compiled-program.ts"
import { type DebugInfo, packSourceMap, sourceMapEntries } from "../program/debug-info.ts"
import { LinkError } from "./errors.ts"
import { capturedPlaces, type CapturedPlaces, withPlaces } from "./captured-places.ts"
import { applicationGlobals, capturedSlots, closureFunctions, type Host, hostFunction, isHost, prelude } from "./hosts.ts"
import { stubFunction } from "./stub.ts"
import { collectStatics, type Static, staticExpression, staticGroupSize } from "./statics.ts"

/**
 * Makes a base out of what the stock compiler wrote: application functions get preludes, the executor is appended to
 * `main` (whose address is below all others, which is what lets other functions' frames run it), and the doors in
 * src/hotswap/machine.ts get their real bodies. Function numbers stay as they were.
 */
export interface LinkedBase {
    readonly program: CompiledProgram
    /** the linked `.devs` */
    readonly file: Uint8Array
    readonly debug: DebugInfo
    /** first 8 bytes of the SHA-256 of the program as compiled */
    readonly baseId: Uint8Array
    readonly hosts: readonly Host[]
    readonly statics: readonly Static[]
    readonly operations: readonly Operation[]
    readonly places: CapturedPlaces
    readonly sizes: { readonly executorBytes: number; readonly preludeBytes: number; readonly staticsBytes: number }
    /** address of each handler in the linked file, to name what stands in a stack trace */
    readonly handlerAddresses: readonly number[]
}

const markerText = "HOVBASE:"
const baseIdBytes = 8
const versionBytes = 16

/** @param version what the base calls itself; at most 16 bytes */
export function linkBase(program: CompiledProgram, version = "0.0.0"): LinkedBase {
    const doors = findDoors(program)
    const baseId = sha256(program.file).subarray(0, baseIdBytes)
    const first = program.image.globals
    const machine: MachineGlobals = { budget: first, loopExhausted: first + 1, entryExhausted: first + 2, resume: first + 3 }
    const hosts: Host[] = [program.functions[0], ...program.functions.filter(isHost)].map((f, i) => ({
        functionIndex: f.index,
        key: f.key,
        pointer: first + 4 + i,
    }))
    const places = capturedPlaces(program)
    const operations = operationTable(
        {
            globals: applicationGlobals(program),
            closures: closureFunctions(program),
            capturedSlots: capturedSlots(program, places),
            farPlaces: places.far,
            machine,
        },
        { dispatch: doors.dispatch.index, refill: doors.refill.index },
    )
    const executor = assembleExecutor(operations)
    const statics = collectStatics(program)

    const functions = program.functions.map(f => ({ ...f.devs, ...withPlaces(program, f, places) }))
    const replace = (door: ProgramFunction, build: (a: Assembler) => void) => {
        const a = new Assembler()
        build(a)
        const code = a.finish().code
        functions[door.index] = { ...functions[door.index], code }
        return code.length
    }
    let preludeBytes = 0
    for (const host of hosts) {
        const code = prelude(host.pointer, machine.budget)
        preludeBytes += code.length
        if (host.functionIndex === 0) continue
        functions[host.functionIndex] = hostFunction(functions[host.functionIndex], code)
    }
    const main = linkMain(program, functions[0], prelude(hosts[0].pointer, machine.budget), executor.code)
    functions[0] = main.linked

    replace(doors.capture, a => a.emit("CALL1", ["STATIC_FUNCTION", 0], R(0)).emit("RETURN", ["RET_VAL"]))
    replace(doors.setBudget, a => a.emit("STORE_GLOBAL", machine.budget, R(0)).emit("RETURN", ["UNDEFINED"]))
    replace(doors.setResume, a => a.emit("STORE_GLOBAL", machine.resume, R(0)).emit("RETURN", ["UNDEFINED"]))
    replace(doors.setMachine, a =>
        a
            .emit("STORE_GLOBAL", machine.loopExhausted, R(0))
            .emit("STORE_GLOBAL", machine.entryExhausted, R(1))
            .emit("RETURN", ["UNDEFINED"]),
    )
    replace(doors.setPointers, a => {
        hosts.forEach((host, i) => a.emit("STORE_GLOBAL", host.pointer, ["INDEX", R(0), i]))
        a.emit("RETURN", ["UNDEFINED"])
    })
    for (const kind of ["function", "method"] as const) {
        const stub = doors[kind === "method" ? "methodStub" : "functionStub"]
        functions[stub.index] = stubFunction(functions[stub.index], kind, machine.budget)
    }
    const staticsBytes = replace(doors.statics, a => emitStatics(a, statics, doors.collect.index))

    const image = { ...program.image, functions, globals: first + 4 + hosts.length }
    const file = Buffer.from(serializeDevs(image))
    const starts = functionStarts(parseDevs(file))
    const executorStart = starts[0] + main.executorOffset
    patchMarker(file, baseId, version, [hosts.length, operations.length, executorStart, executorStart + executor.code.length])
    return {
        program,
        file,
        debug: shiftDebugInfo(program, starts, functions, main, hosts, file),
        baseId,
        hosts,
        statics,
        operations,
        places,
        sizes: { executorBytes: executor.code.length, preludeBytes, staticsBytes },
        handlerAddresses: executor.handlerOffsets.map(o => executorStart + o),
    }
}

const doorNames = ["capture", "setPointers", "setMachine", "setBudget", "setResume", "statics", "collect", "dispatch", "refill"] as const
type Doors = Record<(typeof doorNames)[number] | "functionStub" | "methodStub", ProgramFunction>

function findDoors(program: CompiledProgram): Doors {
    const doors = {} as Doors
    for (const name of doorNames) {
        const file = name === "dispatch" || name === "refill" ? "hotswap/guard.ts" : "hotswap/machine.ts"
        const f = program.functions.find(g => g.owner === "resident" && g.name === name && g.path.endsWith(file))
        if (!f)
            throw new LinkError(
                "HOV_LINK_RESIDENT",
                `the program has no resident (function ${name} of ${file}): import "handover" first in src/main.ts`,
            )
        doors[name] = f
    }
    doors.functionStub = madeBy(program, "makeFunction")
    doors.methodStub = madeBy(program, "makeMethod")
    return doors
}

/** The closure that a function of the resident returns. */
function madeBy(program: CompiledProgram, maker: string): ProgramFunction {
    const made = program.functions.find(f => f.owner === "resident" && f.creator !== undefined && program.functions[f.creator].name === maker)
    if (!made) throw new LinkError("HOV_LINK_RESIDENT", `${maker} of hotswap/machine.ts is not in the program`)
    return made
}

interface LinkedMain {
    linked: DevsFunction
    /** where the part before the application's top-level code begins, and where that begins */
    bodyOffset: number
    applicationOffset: number
    /** offset in the compiled code at which the application's part begins */
    split: number
    executorOffset: number
}

/**
 * `main(n)` is the door to the executor's capture code; without an argument it is the program's entry as before, with a
 * prelude in front of the application's part.
 */
function linkMain(program: CompiledProgram, placed: DevsFunction, preludeCode: Uint8Array, executor: Uint8Array): LinkedMain {
    const main = program.functions[0]
    const splitStatement = entrySplit(program)
    const split = main.statements[splitStatement]?.pc ?? main.devs.code.length
    for (const s of main.statements)
        if (s.op.immediate === "jump" && (s.pc < split ? s.immediate > split : s.immediate < split))
            throw new LinkError("HOV_LINK_RESIDENT", `top-level code jumps between the resident and the application`)
    const a = new Assembler()
    a.emit("JMP_Z", "body", ["NOT", ["IS_UNDEFINED", R(0)]])
    a.emit("JMP", "executor")
    a.label("body")
    a.raw(placed.code.subarray(0, split))
    a.raw(preludeCode)
    a.label("application")
    a.raw(placed.code.subarray(split))
    a.label("executor")
    a.raw(executor)
    const { code, labels } = a.finish()
    return {
        linked: {
            ...main.devs,
            code,
            args: 1,
            slots: Math.max(placed.slots, frameSlots),
            tryFrames: Math.max(main.devs.tryFrames, 1),
        },
        bodyOffset: labels.get("body")!,
        applicationOffset: labels.get("application")!,
        split,
        executorOffset: labels.get("executor")!,
    }
}

function emitStatics(a: Assembler, statics: readonly Static[], collect: number): void {
    const groups = Math.ceil(statics.length / staticGroupSize)
    let labels = 0
    const emit = (low: number, high: number): void => {
        if (high - low > 1) {
            const middle = (low + high) >> 1
            const label = `g${labels++}`
            a.emit("JMP_Z", label, ["LT", R(0), middle])
            emit(low, middle)
            a.label(label)
            emit(middle, high)
            return
        }
        const group = statics.slice(low * staticGroupSize, (low + 1) * staticGroupSize)
        const values: Expression[] = group.map(staticExpression)
        while (values.length < staticGroupSize) values.push(["UNDEFINED"])
        a.emit("CALL8", ["STATIC_FUNCTION", collect], ...values)
        a.emit("RETURN", ["RET_VAL"])
    }
    emit(0, groups)
}

function patchMarker(file: Buffer, baseId: Uint8Array, version: string, numbers: readonly number[]): void {
    const at = file.indexOf(markerText)
    if (at < 0) throw new LinkError("HOV_LINK_RESIDENT", "the program has no base marker: import \"handover\" first in src/main.ts")
    file.set(baseId, at + markerText.length)
    const text = Buffer.from(version, "utf8")
    if (text.length > versionBytes) throw new LinkError("HOV_LINK_SIZE", `version "${version}" is longer than ${versionBytes} bytes`)
    file.set(text, at + markerText.length + baseIdBytes + 2 * numbers.length)
    numbers.forEach((n, i) => file.writeUInt16LE(n, at + markerText.length + baseIdBytes + 2 * i))
}

/** Breakpoints and traces of the linked program: every function's code moved, and hosts' code begins behind the prelude. */
function shiftDebugInfo(
    program: CompiledProgram,
    starts: readonly number[],
    functions: readonly DevsFunction[],
    main: LinkedMain,
    hosts: readonly Host[],
    file: Uint8Array,
): DebugInfo {
    const before = program.debug.functions
    const preludes = new Map(hosts.map(h => [h.functionIndex, functions[h.functionIndex].code.length - program.image.functions[h.functionIndex].code.length]))
    const shift = (i: number, pc: number) => {
        const start = before[i].startpc
        if (i !== 0) return starts[i] + (preludes.get(i) ?? 0) - start
        return pc - start < main.split ? starts[0] + main.bodyOffset - start : starts[0] + main.applicationOffset - main.split - start
    }
    const ordered = before.map((f, i) => ({ start: f.startpc, index: i })).sort((x, y) => x.start - y.start)
    const entries = sourceMapEntries(program.debug).map(e => {
        let owner = ordered[0].index
        for (const o of ordered) if (o.start <= e.pc) owner = o.index
        return { ...e, pc: e.pc + shift(owner, e.pc) }
    })
    return {
        ...program.debug,
        functions: before.map((f, i) => ({ ...f, startpc: starts[i], size: functions[i].code.length })),
        srcmap: packSourceMap(entries),
        binary: { ...(program.debug.binary as object), hex: Buffer.from(file).toString("hex") },
        binarySHA256: sha256(file).toString("hex"),
    }
}

