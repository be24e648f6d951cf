import { Assembler } from "../devs/assembler.ts"
import { type DevsFunction, FunctionFlag } from "../devs/image.ts"
import type { MachineGlobals } from "../executor/operations.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { emitPrelude, hostFunction, parametersMax } from "./hosts.ts"

/** The resident's classes without members, which classes that a base lacks take the place of: hosts like any other. */
export function spareClasses(program: CompiledProgram): ProgramFunction[] {
    return program.functions
        .filter(f => f.owner === "resident" && f.path.endsWith("hotswap/spare-classes.ts") && (f.devs.flags & FunctionFlag.isConstructor) !== 0)
        .sort((x, y) => x.name.localeCompare(y.name))
}

/** A constructor that takes as many arguments as any call passes. */
export function spareFunction(f: DevsFunction, pointer: number, machine: MachineGlobals): DevsFunction {
    const a = new Assembler()
    emitPrelude(a, pointer, machine)
    a.emit("RETURN", ["UNDEFINED"])
    return { ...hostFunction(f, a.finish().code, false), args: parametersMax }
}

/**
 * The spare class of each new one: by the name, so that a class stays the same one from image to image, and objects that
 * an older image has made are still of it.
 * @param keys of the new classes
 * @returns the number of a spare class for each, `undefined` where none is left
 */
export function chooseSpares(keys: readonly string[], count: number): (number | undefined)[] {
    const taken = new Set<number>()
    return keys.map(key => {
        for (let i = 0; i < count; i++) {
            const spare = (hash(key) + i) % count
            if (taken.has(spare)) continue
            taken.add(spare)
            return spare
        }
        return undefined
    })
}

function hash(text: string): number {
    let value = 0
    for (const c of Buffer.from(text)) value = (Math.imul(value, 31) + c) >>> 0
    return value
}
