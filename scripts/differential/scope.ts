import type { Random } from "./random.ts"

/** Kinds of values that expressions are made for. What runs may hold anything: calls and `any` break the promise. */
export type Kind = "num" | "str" | "bool" | "any" | "arr" | "obj"

export interface Variable {
    readonly name: string
    readonly kind: Kind
    /** the compiler has no closures over variables of a loop */
    readonly inLoop: boolean
    readonly isConst: boolean
}

export interface Callable {
    readonly name: string
    readonly kinds: readonly Kind[]
    readonly isRest: boolean
}

export interface ClassInfo {
    readonly name: string
    readonly methods: readonly string[]
    readonly constructorKinds: readonly Kind[]
}

/** What code at one place may use, and what it may do. */
export interface Scope {
    readonly random: Random
    readonly variables: readonly Variable[]
    readonly functions: readonly Callable[]
    readonly classes: readonly ClassInfo[]
    /** inside a method or a constructor */
    readonly hasThis: boolean
    readonly loops: number
    /** a `break` has something to leave, a `continue` a loop to go on with */
    readonly canBreak: boolean
    readonly canContinue: boolean
    readonly functionDepth: number
    readonly names: { next: number }
}

export function inside(scope: Scope, change: Partial<Scope>): Scope {
    return { ...scope, ...change }
}

export function freshName(scope: Scope, prefix: string): string {
    return `${prefix}${scope.names.next++}`
}

/** What an inner function may capture. */
export function capturable(scope: Scope): readonly Variable[] {
    return scope.variables.filter(v => !v.inLoop)
}
