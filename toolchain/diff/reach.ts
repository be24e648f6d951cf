import { builtinStrings } from "../devs/builtins.ts"
import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { FunctionFlag } from "../devs/image.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { stringOf } from "./class-layout.ts"
import { changers, fieldName, isField } from "./value-uses.ts"

/** Who calls whom in a program, as far as code shows it. */
export class Reach {
    private readonly program: CompiledProgram
    private readonly facts = new Map<readonly Statement[], Facts>()
    /** methods by their name */
    private readonly methods = new Map<string, number[]>()
    private readonly runtime = new Set<number>()

    constructor(program: CompiledProgram) {
        this.program = program
        for (const s of program.functions[1]?.statements ?? []) {
            if (s.op.name !== "INDEX_SET") continue
            const value = s.args[2]
            const name = stringOf(program.image, s.args[1])
            if (value.kind === "op" && value.op.name === "STATIC_FUNCTION" && name !== undefined)
                this.methods.set(name, [...(this.methods.get(name) ?? []), value.immediate])
        }
        this.findRuntime()
    }

    /** Numbers of the program's methods, by their name. */
    get methodsByName(): ReadonlyMap<string, readonly number[]> {
        return this.methods
    }

    /** Code that runs only as a part of top-level code: what changed in it can have no effect in a running program. */
    runsOnlyAtStart(f: ProgramFunction): boolean {
        return f.owner === "app" && !this.runtime.has(f.index)
    }

    /** Functions that statements call, directly or through others. Methods are found by their names. */
    calledFrom(statements: readonly Statement[], constructors = true): Set<number> {
        const found = new Set<number>()
        const visit = (code: readonly Statement[]) => {
            for (const i of this.calls(code, constructors)) {
                if (found.has(i)) continue
                found.add(i)
                if (this.program.functions[i].owner === "app") visit(this.program.functions[i].statements)
            }
        }
        visit(statements)
        return found
    }

    /** Globals that statements read, directly or in functions that they call. */
    readBy(statements: readonly Statement[]): Set<number> {
        const found = new Set(this.factsOf(statements).globals)
        for (const i of this.calledFrom(statements))
            if (this.program.functions[i].owner === "app") for (const g of this.factsOf(this.program.functions[i].statements).globals) found.add(g)
        return found
    }

    /** Whether any function reads the global. */
    isReadAtRuntime(global: number): boolean {
        return this.program.functions.some(f => f.index !== 0 && this.factsOf(f.statements).globals.has(global))
    }

    /**
     * Whether statements only compute: they and what they call store to no global and call nothing with effects.
     * @param ownGlobal that they may store to
     * @param filled global whose object they may store to
     */
    onlyComputes(statements: readonly Statement[], ownGlobal?: number, filled?: number): boolean {
        const visited = new Set<number>()
        const check = (code: readonly Statement[], own: number | undefined): boolean =>
            code.every((s, k) => {
                if (s.op.name === "STORE_GLOBAL") return s.immediate === own
                if (s.op.name === "STORE_CLOSURE") return false
                if (s.op.name === "INDEX_SET") return !(s.args[0].kind === "op" && s.args[0].op.name === "LOAD_GLOBAL" && s.args[0].immediate !== filled)
                if (!s.op.name.startsWith("CALL")) return true
                const callee = heldMethod(code, k) ?? s.args[0]
                if (callee.kind !== "op") return false
                if (callee.op.name === "MATH_FIELD" || callee.op.name === "OBJECT_FIELD") return true
                if (callee.op.name === "DS_FIELD") return ["format", "millis"].includes(builtinStrings[callee.immediate])
                const target = callee.op.name === "NEW" ? callee.args[0] : callee
                if (target.kind === "op" && target.op.name === "STATIC_FUNCTION") return checkFunction(target.immediate)
                if (isField(callee)) {
                    const name = fieldName(this.program, callee)
                    if (name === undefined) return false
                    if (changers.has(name) && isAnotherGlobal(callee, filled)) return false
                    const own = this.methods.get(name)?.filter(i => this.program.functions[i].owner === "app") ?? []
                    return own.length ? own.every(checkFunction) : pureMethods.has(name)
                }
                return false
            })
        const checkFunction = (i: number): boolean => {
            if (visited.has(i)) return true
            visited.add(i)
            const f = this.program.functions[i]
            return f.owner === "app" && check(f.statements, undefined)
        }
        return check(statements, ownGlobal)
    }

    /**
     * Whether a function only registers timers, subscriptions and fibers, computes, and sets variables: then it can run in
     * a running program, and be taken back by ending what it has registered.
     */
    isStarter(f: ProgramFunction): boolean {
        return [f.index, ...this.calledFrom(f.statements)].every(i => {
            const g = this.program.functions[i]
            if (g.owner !== "app") return g.owner === "library"
            return g.statements.every((s, k) => {
                if (!s.op.name.startsWith("CALL")) return true
                const callee = s.args[0]
                if (callee.kind !== "op") return false
                if (handleOf(s)) return handleStays(g.statements, k)
                if (callee.op.name === "STATIC_FUNCTION") return this.program.functions[callee.immediate].owner === "app"
                if (callee.op.name === "DS_FIELD") return ["format", "print", "millis"].includes(builtinStrings[callee.immediate])
                return this.onlyComputes([s])
            })
        })
    }

    private calls(code: readonly Statement[], constructors: boolean): number[] {
        const facts = this.factsOf(code)
        const byName = [...facts.methodNames].flatMap(n => this.methods.get(n) ?? [])
        return [...facts.calls, ...(constructors ? facts.constructed : []), ...byName]
    }

    private factsOf(code: readonly Statement[]): Facts {
        let known = this.facts.get(code)
        if (!known) {
            known = collect(this.program, code)
            this.facts.set(code, known)
        }
        return known
    }

    private findRuntime(): void {
        const queue: number[] = []
        const reach = (i: number) => {
            if (this.runtime.has(i)) return
            this.runtime.add(i)
            queue.push(i)
        }
        // a function that is handed out as a value is called some time
        for (const f of this.program.functions) {
            if (f.index === 1) continue
            for (const i of this.factsOf(f.statements).values) reach(i)
            if (f.owner === "library" || f.owner === "resident") reach(f.index)
        }
        for (let i = queue.pop(); i !== undefined; i = queue.pop())
            for (const called of this.calls(this.program.functions[i].statements, true)) reach(called)
    }
}

/** Built-in methods that touch nothing but what they are called on or get. */
const pureMethods: ReadonlySet<string> = new Set([
    "push", "insert", "slice", "concat", "join", "setAt", "getAt", "toString", "charCodeAt", "charAt", "alloc", "from", "fill",
    "indexOf", "pushRange", "stringify", "parse", "map", "filter", "isArray", "fillAt", "blitAt", "set", "pop", "shift",
])

/** The method that call `k` calls out of a variable: the compiler looks it up before it works out arguments with calls in them. */
export function heldMethod(code: readonly Statement[], k: number): Expr | undefined {
    const callee = code[k].args[0]
    if (callee.kind !== "op" || callee.op.name !== "LOAD_LOCAL") return undefined
    const stored = code.slice(0, k).findLast(s => s.op.name === "STORE_LOCAL" && s.immediate === callee.immediate)
    return stored && isField(stored.args[0]) ? stored.args[0] : undefined
}

function isAnotherGlobal(callee: Expr, filled: number | undefined): boolean {
    const object = callee.kind === "op" ? callee.args[0] : undefined
    return object?.kind === "op" && object.op.name === "LOAD_GLOBAL" && object.immediate !== filled
}

interface Facts {
    globals: Set<number>
    calls: Set<number>
    constructed: Set<number>
    methodNames: Set<string>
    /** functions that the code hands out instead of calling them */
    values: Set<number>
}

function collect(program: CompiledProgram, code: readonly Statement[]): Facts {
    const facts: Facts = { globals: new Set(), calls: new Set(), constructed: new Set(), methodNames: new Set(), values: new Set() }
    const visit = (e: Expr, isCallee: boolean): void => {
        if (e.kind === "int") return
        if (e.op.name === "LOAD_GLOBAL") facts.globals.add(e.immediate)
        if (e.op.name === "MAKE_CLOSURE") facts.values.add(e.immediate)
        if (e.op.name === "STATIC_FUNCTION") {
            if (isCallee) facts.calls.add(e.immediate)
            else if (!(program.functions[e.immediate].devs.flags & FunctionFlag.isConstructor)) facts.values.add(e.immediate)
        }
        if (e.op.name === "NEW") {
            const target = e.args[0]
            if (target.kind === "op" && target.op.name === "STATIC_FUNCTION") {
                facts.constructed.add(target.immediate)
                return
            }
        }
        // `super(…)`: a constructor bound to the object that is being made
        if (e.op.name === "BIND" && e.args[0].kind === "op" && e.args[0].op.name === "STATIC_FUNCTION") facts.constructed.add(e.args[0].immediate)
        if (isField(e)) {
            const name = fieldName(program, e)
            if (name !== undefined) facts.methodNames.add(name)
        }
        for (const a of e.args) visit(a, false)
    }
    for (const s of code) s.args.forEach((e, i) => visit(e, i === 0 && s.op.name.startsWith("CALL")))
    return facts
}

/** Whether an expression reads a local variable or the last call's result. */
export function usesLocals(e: Expr): boolean {
    let found = false
    visitExprs([e], x => {
        if (x.kind === "op" && (x.op.name === "LOAD_LOCAL" || x.op.name === "RET_VAL")) found = true
    })
    return found
}

/** Whether a call's result is the handle of something that goes on: a timer, a subscription or a fiber. */
export function handleOf(s: Statement): boolean {
    const callee = s.args[0]
    if (!/^CALL\d$/.test(s.op.name) || callee.kind !== "op") return false
    const name = callee.op.name === "DS_FIELD" || callee.op.name === "BUILTIN_FIELD" ? builtinStrings[callee.immediate] : ""
    return callee.op.name === "DS_FIELD" ? ["setInterval", "setTimeout"].includes(name) : ["subscribe", "start"].includes(name)
}

/** Whether the result of call `k` is used by nobody, so that it can be kept behind the call. */
function handleStays(statements: readonly Statement[], k: number): boolean {
    const next = statements[k + 1]
    return !next || !usesReturnValue(next)
}

function usesReturnValue(s: Statement): boolean {
    let found = s.op.name === "JMP_RET_VAL_Z"
    visitExprs(s.args, e => {
        if (e.kind === "op" && e.op.name === "RET_VAL") found = true
    })
    return found
}
