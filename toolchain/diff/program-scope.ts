import { builtinStrings } from "../devs/builtins.ts"
import { FunctionFlag } from "../devs/image.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import type { Operand } from "../translate/guest-code.ts"
import { RefusalSignal } from "../translate/refusal.ts"
import type { Scope } from "../translate/scope.ts"
import type { Match } from "./match.ts"
import { stringOf } from "./class-layout.ts"
import { addedKind } from "./rest-arguments.ts"
import { specName } from "./shape.ts"

/** Gives functions that the base does not have, and new globals, their numbers in the image as they are asked for. */
export interface Additions {
    /** number in the image of a function that has to ship */
    functionNumber(nextIndex: number): number
    cellNumber(nextGlobal: number): number
    /** the base's spare class that stands for a class which the base does not have */
    spareClass(nextIndex: number): number
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
    const members = addedMembers(base, next)
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
                return { kind: "baseFunction", index: additions.spareClass(index) }
            return { kind: "addedFunction", index: additions.functionNumber(index) }
        },
        isConstructor: index => (next.functions[index].devs.flags & FunctionFlag.isConstructor) !== 0,
        closure(index) {
            const f = next.functions[index]
            const known = match.functions.get(index)
            if (known !== undefined) return base.functions[known].creator === undefined ? undefined : { base: known }
            if (f.creator === undefined) return undefined
            return { added: { kind: "addedCode", index: additions.functionNumber(index) }, kind: addedKind(f) }
        },
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
        inline: inlineConstants(base),
        captured: (slot, levels) => ({ slot, levels }),
        isAddedMember: (object, name) => members.has(`${object} ${name}`),
        isNewField: name => newFields.has(name),
        hasNewFields: newFields.size > 0,
        isMigratedField: name => migratedFields.has(name),
    }
}

const specialNames = { undefined: "undefined", null: "null", true: "true", false: "false", nan: "NAN", infinity: "INF" } as const

/** Constants of a base by the names that operations have for them; see executor/patterns.ts. */
function inlineConstants({ image }: CompiledProgram): (constant: Operand) => string | undefined {
    const numbers = (list: readonly string[], letter: string) => list.map((text, i) => [text, `${letter}${i}`] as const)
    // the compiler takes the first of these tables that has a string
    const strings = new Map([...numbers(image.utf8Strings, "u"), ...numbers(image.asciiStrings, "a"), ...numbers(builtinStrings, "w")])
    const floats = new Map(image.floats.map((value, i) => [value, `d${i}`]))
    return constant => {
        switch (constant.kind) {
            case "int":
                return String(constant.value)
            case "float":
                return floats.get(constant.value)
            case "special":
                return specialNames[constant.value]
            case "string":
                return strings.get(constant.text)
            case "baseFunction":
                return `f${constant.index}`
            default:
                return undefined
        }
    }
}

/** The match of a program with itself. */
export function identity(program: CompiledProgram): Match {
    return {
        functions: new Map(program.functions.map(f => [f.index, f.index])),
        globals: new Map(program.debug.globals.map((_, i) => [i, i])),
        files: new Map(),
        successors: [],
    }
}

/** For code of the base: all that it refers to is there. */
export const nothingNew: Additions = {
    functionNumber: i => {
        throw new Error(`function ${i} is not in the base`)
    },
    cellNumber: g => {
        throw new Error(`global ${g} is not in the base`)
    },
    spareClass: i => {
        throw new Error(`class ${i} is not in the base`)
    },
}

/** Members of built-in objects that the library code of the new build defines and the base's does not. */
function addedMembers(base: CompiledProgram, next: CompiledProgram): Set<string> {
    const members = (program: CompiledProgram) => {
        const found = new Set<string>()
        for (const s of program.functions[1].statements) {
            const [object, key] = s.args
            const name = s.op.name === "INDEX_SET" ? stringOf(program.image, key) : undefined
            if (name !== undefined && object.kind === "op" && object.op.name === "BUILTIN_OBJECT") found.add(`${object.immediate} ${name}`)
        }
        return found
    }
    const known = members(base)
    return new Set([...members(next)].filter(m => !known.has(m)))
}
