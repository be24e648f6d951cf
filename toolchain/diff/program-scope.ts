import { builtinStrings } from "../devs/builtins.ts"
import { FunctionFlag } from "../devs/image.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import type { Operand } from "../translate/guest-code.ts"
import { RefusalSignal } from "../translate/refusal.ts"
import type { Scope } from "../translate/scope.ts"
import type { Match } from "./match.ts"
import { specName } from "./shape.ts"

/** Gives functions that the base does not have, and new globals, their numbers in the image as they are asked for. */
export interface Additions {
    /** number in the image of a function that has to ship */
    functionNumber(nextIndex: number): number
    cellNumber(nextGlobal: number): number
}

/** What the numbers in the new build's code stand for, seen from the base. */
export function programScope(
    base: CompiledProgram,
    next: CompiledProgram,
    match: Match,
    additions: Additions,
    newFields: ReadonlySet<string>,
    migratedFields: ReadonlySet<string>,
): Scope {
    const specs = new Map(Array.from({ length: base.image.specCount }, (_, i) => [specName(base, i), i]))
    return {
        global(index) {
            const known = match.globals.get(index)
            return known === undefined ? { cell: additions.cellNumber(index) } : { base: known }
        },
        function(index): Operand {
            const known = match.functions.get(index)
            if (known !== undefined) return { kind: "baseFunction", index: known }
            if (next.functions[index].devs.flags & FunctionFlag.isConstructor)
                throw new RefusalSignal("HOV110", `class ${next.functions[index].name} is new`, 0)
            return { kind: "addedFunction", index: additions.functionNumber(index) }
        },
        isConstructor: index => (next.functions[index].devs.flags & FunctionFlag.isConstructor) !== 0,
        closure: index => match.functions.get(index),
        string(table, index): Operand {
            const text =
                table === "builtin"
                    ? builtinStrings[index]
                    : table === "ascii"
                      ? next.image.asciiStrings[index]
                      : next.image.utf8Strings[index]
            return { kind: "string", text }
        },
        buffer: (index): Operand => ({ kind: "buffer", bytes: next.image.buffers[index] }),
        float: index => next.image.floats[index],
        spec(index, prototype): Operand {
            const name = specName(next, index)
            const known = specs.get(name)
            if (known === undefined) throw new RefusalSignal("HOV104", `service ${name.split(":")[0]} is not in the base`, 0)
            return { kind: "spec", index: known, prototype }
        },
        capturedSlot: slot => slot,
        isNewField: name => newFields.has(name),
        hasNewFields: newFields.size > 0,
        isMigratedField: name => migratedFields.has(name),
    }
}
