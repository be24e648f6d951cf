import { bindNativeCloud } from "./native-cloud.ts"
import { Assembler, type Expression } from "../devs/assembler.ts"
import { decodeCode } from "../devs/code.ts"
import { placeOf, reassemble } from "../devs/reassemble.ts"
import { type DevsFunction, functionStarts, parseDevs, serializeDevs, sha256 } from "../devs/image.ts"
import { allRegisters } from "../executor/patterns.ts"
import { assembleExecutor } from "../executor/assemble.ts"
import { frameSlots, R } from "../executor/frame.ts"
import { type AddedKind, addedKinds } from "../format/image.ts"
import { type BaseHandlers, coreOperations, type MachineGlobals, type Operation } from "../executor/operations.ts"
import { chooseOperations } from "./choose-operations.ts"
import { type CompiledProgram, entrySplit, type ProgramFunction } from "../program/compiled-program.ts"
import type { DebugInfo } from "../program/debug-info.ts"
import { LinkError } from "./errors.ts"
import { capturedLocals, capturedPlaces, type CapturedPlaces, withPlaces } from "./captured-places.ts"
import { applicationGlobals, capturedSlots, closureFunctions, emitPrelude, emitEnterCall, emitLeaveCall, type Host, hostCode, hostFunction, isHost, type NotedHost } from "./hosts.ts"
import { dropFunctions } from "./drop-functions.ts"
import { inlineCalls } from "./inline-calls.ts"
import { emitBackEdge, type SwitchPoint, switchPoints } from "./loops.ts"
import { orderStrings } from "./order-strings.ts"
import { stubFunction } from "./stub.ts"
import { topLevelUnits } from "../program/top-level.ts"
import { waitingFunctions } from "../program/waiting-functions.ts"
import { recordedCalls, recordPlace, recordsGlobal, startedAt } from "./registrations.ts"
import { callingTwin, twinFunction, twinsOf } from "./recursion.ts"
import { type LinkedFunction, shiftDebugInfo } from "./shift-debug-info.ts"
import { type NeverWaiting, neverWaiting } from "./waiting.ts"
import { spareClasses, spareFunction } from "./spare-classes.ts"
import { collectStatics, type Static, staticExpression, staticGroupSize } from "./statics.ts"

/**
 * Makes a base out of what the stock compiler wrote: application functions get preludes, the executor is appended to
 * `main` (whose address is below all others, which is what lets other functions' frames run it), and the doors in
 * src/hotswap/machine.ts get their real bodies. Functions whose code stands in their callers are left out; `numbers` says
 * how the others are called.
 */
export interface LinkedBase {
    readonly program: CompiledProgram
    /** the linked `.devs` */
    readonly file: Uint8Array
    readonly debug: DebugInfo
    /** number in the linked file of each function of the program; none when its code stands in its callers */
    readonly numbers: ReadonlyMap<number, number>
    /** first 8 bytes of the SHA-256 of the program as compiled */
    readonly baseId: Uint8Array
    readonly hosts: readonly Host[]
    /** hosts whose calls may wait, by function number: the ledger notes them */
    readonly waiting: ReadonlySet<number>
    /** loops that replaced code can take over; an image numbers them behind the hosts */
    readonly loops: readonly LoopPointer[]
    /** function numbers of the classes that classes which the base lacks take the place of */
    readonly spares: readonly number[]
    readonly statics: readonly Static[]
    readonly operations: readonly Operation[]
    /** what the choice of the operations was made from */
    readonly handlers: BaseHandlers
    /** names of the operations that every base has */
    readonly core: ReadonlySet<string>
    readonly places: CapturedPlaces
    /** VM global of the resident's `records`, where the handles of top-level registrations are */
    readonly recordsGlobal: number
    readonly sizes: { readonly executorBytes: number; readonly preludeBytes: number; readonly staticsBytes: number }
    /** address of each handler in the linked file, to name what stands in a stack trace */
    readonly handlerAddresses: readonly number[]
}

const markerText = "HOVBASE:"
const baseIdBytes = 8
const versionBytes = 16

/**
 * @param version what the base calls itself; at most 16 bytes
 * @param options.tracksCalls false leaves the update ledger without calls, for a measurement of what it costs
 */
export function linkBase(program: CompiledProgram, version = "0.0.0", options: { readonly tracksCalls?: boolean } = {}): LinkedBase {
    const doors = findDoors(program)
    const baseId = sha256(program.file).subarray(0, baseIdBytes)
    const first = program.image.globals
    const machine: MachineGlobals = { budget: first, loopExhausted: first + 1, entryExhausted: first + 2, resume: first + 3, budgetLeft: first + 4 }
    const firstPointer = first + Object.keys(machine).length
    const spares = spareClasses(program)
    const hosts: Host[] = [program.functions[0], ...program.functions.filter(isHost), ...spares].map((f, i) => ({
        functionIndex: f.index,
        key: f.key,
        pointer: firstPointer + i,
    }))
    const maker = (kind: AddedKind) => doors.stubs[kind].creator!
    const places = capturedPlaces(program)
    const records = recordsGlobal(program)
    const handlers: BaseHandlers = {
        globals: [...applicationGlobals(program), records],
        closures: closureFunctions(program),
        makers: { function: maker("function"), method: maker("method"), "rest function": maker("rest function"), "rest method": maker("rest method") },
        // inner functions that the base does not have find the variables around them in registers
        capturedSlots: [...new Set([...allRegisters, ...capturedSlots(program, places)])],
        farPlaces: places.far,
        machine,
    }
    const core = coreOperations(handlers, {
        dispatch: doors.dispatch.index,
        refill: doors.refill.index,
        enterCall: doors.enterCall.index,
        leaveCall: doors.leaveCall.index,
        moveCall: doors.moveCall.index,
    })
    const operations = chooseOperations(program, places, handlers, core)
    const never = neverWaiting(program)
    // what the source says may wait, without what is known not to
    const mayWait = [...waitingFunctions(program)].filter(i => !never.functions.has(i))
    const waiting = new Set(options.tracksCalls === false ? [] : mayWait)
    const noted = (host: Host, number: number): NotedHost | undefined =>
        waiting.has(host.functionIndex) ? { number, enterCall: doors.enterCall.index, leaveCall: doors.leaveCall.index } : undefined
    const twins = twinsOf(program, never.functions)
    const loops = loopPointers(program, never, firstPointer + hosts.length)
    const loopsOf = (f: number) => new Map(loops.filter(l => l.functionIndex === f).map(l => [l.headPc, l.pointer]))
    const executor = assembleExecutor(operations)
    const statics = collectStatics(program)

    /** in the order that images number them */
    const pointers = [...hosts, ...loops].map(p => p.pointer)
    const functions = program.functions.map(f => ({ ...f.devs, ...withPlaces(program, f, places) }))
    const replaced = new Set<number>()
    const replace = (door: ProgramFunction, build: (a: Assembler) => void) => {
        const a = new Assembler()
        build(a)
        const code = a.finish().code
        functions[door.index] = { ...functions[door.index], code }
        replaced.add(door.index)
        return code.length
    }
    let preludeBytes = 0
    const moves = new Map<number, ReadonlyMap<number, number>>()
    const isSpare = new Set(spares.map(f => f.index))
    for (const [number, host] of hosts.entries()) {
        if (host.functionIndex === 0) continue
        const note = noted(host, number)
        const f = functions[host.functionIndex]
        if (isSpare.has(host.functionIndex)) {
            functions[host.functionIndex] = spareFunction(f, host.pointer, machine)
            continue
        }
        const twin = twins.find(t => t.functionIndex === host.functionIndex)
        const statements = decodeCode(f.code)
        const linked = hostCode(twin ? callingTwin(statements, twin) : statements, host.pointer, machine, loopsOf(host.functionIndex), note)
        preludeBytes += linked.code.length - f.code.length
        moves.set(host.functionIndex, linked.places)
        if (twin) {
            const own = twinFunction(f, twin)
            preludeBytes += own.linked.code.length
            moves.set(twin.index, own.places)
            functions[twin.index] = own.linked
        }
        functions[host.functionIndex] = hostFunction(f, linked.code, note !== undefined)
    }
    const main = linkMain(program, functions[0], hosts[0].pointer, machine, loopsOf(0), records, executor.code, noted(hosts[0], 0))
    moves.set(0, main.places)
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
        pointers.forEach((pointer, i) => a.emit("STORE_GLOBAL", pointer, ["INDEX", R(0), i]))
        a.emit("RETURN", ["UNDEFINED"])
    })
    for (const kind of addedKinds) {
        const stub = doors.stubs[kind]
        functions[stub.index] = stubFunction(functions[stub.index], kind, machine)
        replaced.add(stub.index)
    }
    const staticsBytes = replace(doors.statics, a => emitStatics(a, statics, doors.collect.index))

    const own = program.functions.filter(f => (f.owner === "resident" || f.owner === "library") && !isSpare.has(f.index) && !replaced.has(f.index))
    const inlined = inlineCalls(functions, { own: new Set(own.map(f => f.index)), captured: capturedLocals(program) })
    const ordered = orderStrings({ ...program.image, functions: [...inlined.functions], globals: firstPointer + pointers.length })
    const { image, numbers, places: renumbered } = dropFunctions(ordered.image)
    const file = Buffer.from(serializeDevs(image))
    bindNativeCloud(file)
    const starts = functionStarts(parseDevs(file))
    const executorStart = starts[0] + main.executorOffset
    patchMarker(file, baseId, version, [pointers.length, operations.length, executorStart, executorStart + executor.code.length])
    const twinOf = new Map(twins.map(t => [t.index, t.functionIndex]))
    const parts = [...numbers].map(([index, number]): LinkedFunction => {
        const from = twinOf.get(index) ?? index
        const origins = inlined.origins.get(index) ?? new Map([[from, moves.get(index) ?? identity(program.functions[from])]])
        const place = (pc: number) => {
            const placed = ordered.places.get(index)?.get(pc) ?? pc
            return renumbered.get(number)?.get(placed) ?? placed
        }
        return { from, start: starts[number], sizeBytes: image.functions[number].code.length, origins: new Map([...origins].map(([f, table]) => [f, new Map([...table].map(([pc, to]) => [pc, place(to)]))])) }
    })
    return {
        program,
        file,
        debug: shiftDebugInfo(program, parts, file),
        numbers,
        baseId,
        hosts,
        waiting,
        loops,
        spares: spares.map(f => f.index),
        statics,
        operations,
        handlers,
        core: new Set(core.map(o => o.name)),
        places,
        recordsGlobal: records,
        sizes: { executorBytes: executor.code.length, preludeBytes, staticsBytes },
        handlerAddresses: executor.handlerOffsets.map(o => executorStart + o),
    }
}

function identity(f: ProgramFunction): ReadonlyMap<number, number> {
    return new Map(f.statements.map(s => [s.pc, s.pc]))
}

const doorNames = ["capture", "setPointers", "setMachine", "setBudget", "setResume", "statics", "collect", "dispatch", "refill", "enterCall", "leaveCall", "moveCall"] as const
/** Doors that have code of their own in other files of the resident. */
const doorFiles: Partial<Record<(typeof doorNames)[number], string>> = {
    dispatch: "hotswap/guard.ts",
    refill: "hotswap/guard.ts",
    enterCall: "hotswap/ledger.ts",
    leaveCall: "hotswap/ledger.ts",
    moveCall: "hotswap/ledger.ts",
}
type Doors = Record<(typeof doorNames)[number], ProgramFunction> & {
    /** the closures that functions which a base does not have are made of */
    readonly stubs: Readonly<Record<AddedKind, ProgramFunction>>
}

const makerNames: Readonly<Record<AddedKind, string>> = { function: "makeFunction", method: "makeMethod", "rest function": "makeRest", "rest method": "makeRestMethod" }

function findDoors(program: CompiledProgram): Doors {
    const doors = {} as Record<(typeof doorNames)[number], ProgramFunction>
    for (const name of doorNames) {
        const file = doorFiles[name] ?? "hotswap/machine.ts"
        const f = program.functions.find(g => g.owner === "resident" && g.name === name && g.path.endsWith(file))
        if (!f)
            throw new LinkError(
                "HOV_LINK_RESIDENT",
                `the program has no resident (function ${name} of ${file}): import "handover" first in src/main.ts`,
            )
        doors[name] = f
    }
    const stubs = Object.fromEntries(addedKinds.map(kind => [kind, madeBy(program, makerNames[kind])])) as Record<AddedKind, ProgramFunction>
    return { ...doors, stubs }
}

/** The closure that a function of the resident returns. */
function madeBy(program: CompiledProgram, maker: string): ProgramFunction {
    const made = program.functions.find(f => f.owner === "resident" && f.creator !== undefined && program.functions[f.creator].name === maker)
    if (!made) throw new LinkError("HOV_LINK_RESIDENT", `${maker} of hotswap/machine.ts is not in the program`)
    return made
}

export interface LoopPointer extends SwitchPoint {
    /** its place among the loops of its function that `switchPoints` finds */
    readonly ordinal: number
    /** VM global that points to the code that takes the loop over, or is undefined */
    readonly pointer: number
}

/** Loops that may be in their middle when an image comes: in one that never waits, no image can be put in. */
function loopPointers(program: CompiledProgram, never: NeverWaiting, firstPointer: number): LoopPointer[] {
    return [program.functions[0], ...program.functions.filter(isHost)]
        .flatMap(f => {
            const statements = f.index === 0 ? f.statements.slice(entrySplit(program)) : f.statements
            return switchPoints({ index: f.index, statements })
                .map((point, ordinal) => ({ ...point, ordinal }))
                .filter(point => !never.hasLoop(statements, point.headPc))
        })
        .map((point, i) => ({ ...point, pointer: firstPointer + i }))
}

interface LinkedMain {
    linked: DevsFunction
    executorOffset: number
    places: ReadonlyMap<number, number>
}

/**
 * `main(n)` is the door to the executor's capture code; without an argument it is the program's entry as before, with a
 * prelude in front of the application's part.
 */
function linkMain(
    program: CompiledProgram,
    devs: DevsFunction,
    pointer: number,
    machine: MachineGlobals,
    loops: ReadonlyMap<number, number>,
    records: number,
    executor: Uint8Array,
    noted: NotedHost | undefined,
): LinkedMain {
    const statements = decodeCode(devs.code)
    const split = entrySplit(program)
    const splitPc = statements[split]?.pc ?? devs.code.length
    for (const s of statements)
        if (s.op.immediate === "jump" && (s.pc < splitPc ? s.immediate > splitPc : s.immediate < splitPc))
            throw new LinkError("HOV_LINK_RESIDENT", "top-level code jumps between the resident and the application")
    const a = new Assembler()
    a.emit("JMP_Z", "start", ["NOT", ["IS_UNDEFINED", R(0)]])
    a.emit("JMP", "executor")
    a.label("start")
    // a jump to the application's first statement must meet its prelude
    const early = statements.slice(0, split).map(s => (s.op.immediate === "jump" && s.immediate === splitPc ? { ...s, immediate: -1 } : s))
    reassemble(a, early)
    a.label(placeOf(-1))
    // no exception leaves it but ends the program
    if (noted) emitEnterCall(a, noted, pointer)
    emitPrelude(a, pointer, machine)
    const recorded = new Map(recordedCalls(program).map(call => [call.end, call]))
    const markStart = () => a.emit("INDEX_SET", ["LOAD_GLOBAL", records], recordPlace.started, ["TRUE"])
    const started = startedAt(topLevelUnits(program))
    if (started === undefined) markStart()
    reassemble(
        a,
        statements.slice(split),
        s => emitBackEdge(a, s, loops) || emitLeaveCall(a, s, noted),
        s => {
            const call = recorded.get(s.end)
            if (call) a.emit("INDEX_SET", ["LOAD_GLOBAL", records], call.number, call.keptIn === undefined ? ["RET_VAL"] : ["LOAD_GLOBAL", call.keptIn])
            if (s.end === started) markStart()
        },
    )
    a.label("executor")
    a.raw(executor)
    const { code, labels } = a.finish()
    return {
        linked: {
            ...devs,
            code,
            args: 1,
            slots: Math.max(devs.slots, frameSlots),
            tryFrames: Math.max(devs.tryFrames, 1),
        },
        executorOffset: labels.get("executor")!,
        places: new Map(statements.map(s => [s.pc, labels.get(placeOf(s.pc))!])),
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
    // An image that asks for a group beyond the last one is told so, or a damaged one would fill the heap.
    a.emit("JMP_Z", "none", ["LT", R(0), Math.max(groups, 1)])
    emit(0, groups)
    a.label("none")
    a.emit("RETURN", ["UNDEFINED"])
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
