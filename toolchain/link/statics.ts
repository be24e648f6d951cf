import type { Expression } from "../devs/assembler.ts"
import { visitExprs } from "../devs/code.ts"
import type { OpName } from "../devs/opcodes.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { spareClasses } from "./spare-classes.ts"

/** A value of the base that an image can refer to by number instead of carrying it. */
export type Static =
    | { readonly kind: "function"; readonly index: number }
    | { readonly kind: "ascii" | "utf8" | "builtin" | "buffer"; readonly index: number }
    | { readonly kind: "object"; readonly index: number }
    | { readonly kind: "spec" | "specPrototype"; readonly index: number }

export const staticGroupSize = 8

const operationOf: Record<Static["kind"], OpName> = {
    function: "STATIC_FUNCTION",
    ascii: "STATIC_ASCII_STRING",
    utf8: "STATIC_UTF8_STRING",
    builtin: "STATIC_BUILTIN_STRING",
    buffer: "STATIC_BUFFER",
    object: "BUILTIN_OBJECT",
    spec: "STATIC_SPEC",
    specPrototype: "STATIC_SPEC_PROTO",
}

export function staticExpression(s: Static): Expression {
    return [operationOf[s.kind], s.index]
}

export function staticKey(s: Static): string {
    return `${s.kind} ${s.index}`
}

const stringOperations: Partial<Record<OpName, Static["kind"]>> = {
    STATIC_ASCII_STRING: "ascii",
    ASCII_FIELD: "ascii",
    STATIC_UTF8_STRING: "utf8",
    UTF8_FIELD: "utf8",
    STATIC_BUILTIN_STRING: "builtin",
    BUILTIN_FIELD: "builtin",
    DS_FIELD: "builtin",
    MATH_FIELD: "builtin",
    OBJECT_FIELD: "builtin",
    STATIC_BUFFER: "buffer",
}

/** Built-in objects that programs reach: constructors and namespaces; prototypes are reached through them. */
const reachableObjects = [0, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 27, 29, 31, 33, 35, 36, 38, 40, 42, 2, 4, 6, 8, 10, 28, 16]

/** Functions of the resident that images call. */
const doors = ["bringUp", "migrate", "unmigrate", "emptyClass", "spendMigration", "allocateMigrated"]

/**
 * Everything that the application and the libraries use, in a fixed order: the most used first, because an image
 * refers to those with fewer bytes.
 */
export function collectStatics(program: CompiledProgram): Static[] {
    const uses = new Map<string, { value: Static; count: number }>()
    const use = (value: Static, n = 1) => {
        const key = staticKey(value)
        const known = uses.get(key)
        if (known) known.count += n
        else uses.set(key, { value, count: n })
    }
    const spares = new Set(spareClasses(program))
    for (const f of program.functions) {
        // an edit may be the first to use them
        if (f.owner === "resident" && (doors.includes(f.name) || spares.has(f))) use({ kind: "function", index: f.index }, 0)
        if (f.owner === "resident") continue
        const weight = f.owner === "app" ? 100 : 1
        if (f.owner !== "entry" && f.creator === undefined) use({ kind: "function", index: f.index }, weight)
        for (const s of f.statements)
            visitExprs(s.args, e => {
                if (e.kind !== "op") return
                const kind = stringOperations[e.op.name]
                if (kind) use({ kind, index: e.immediate } as Static, weight)
                if (e.op.name === "STATIC_FUNCTION") use({ kind: "function", index: e.immediate }, weight)
                if (e.op.name === "BUILTIN_OBJECT") use({ kind: "object", index: e.immediate }, weight)
            })
    }
    for (const index of reachableObjects) use({ kind: "object", index }, 0)
    for (let index = 0; index < program.image.specCount; index++) {
        use({ kind: "spec", index }, 0)
        use({ kind: "specPrototype", index }, 0)
    }
    return [...uses.values()].sort((x, y) => y.count - x.count).map(u => u.value)
}
