import type { Expr } from "../devs/code.ts"
import { registerCount } from "../executor/frame.ts"
import { generalRegisters } from "../executor/operations.ts"
import type { Allocation } from "./allocate.ts"
import type { GuestItem, Operand } from "./guest-code.ts"
import { RETURN_VALUE } from "./liveness.ts"
import { RefusalSignal } from "./refusal.ts"
import type { Scope } from "./scope.ts"
import { evaluate } from "./select.ts"

/**
 * Collects the instructions of one function and remembers which variable A mirrors, so that a value just computed is
 * not loaded again.
 */
export class Emitter {
    items: GuestItem[] = []
    sourcePc = 0
    /** register that `ret_val` is saved in for the current statement */
    returnValueRegister: number | undefined
    readonly scope: Scope
    readonly allocation: Allocation
    private readonly operations: ReadonlySet<string>
    /** variable whose value A has, or undefined */
    private mirrored: number | undefined
    private free: number[] = []
    private labels = 0
    private readonly clobbers = new Map<Expr, boolean>()

    constructor(scope: Scope, allocation: Allocation, operations: ReadonlySet<string>) {
        this.scope = scope
        this.allocation = allocation
        this.operations = operations
    }

    has(operation: string): boolean {
        return this.operations.has(operation)
    }

    /** Starts a statement: `free` are the registers that hold nothing while it runs. */
    begin(sourcePc: number, free: number[]): void {
        this.sourcePc = sourcePc
        this.free = free
        this.returnValueRegister = undefined
        this.clobbers.clear()
    }

    emit(operation: string, ...operands: Operand[]): void {
        if (!this.operations.has(operation))
            throw new RefusalSignal("HOV111", `the base's executor lacks "${operation}"`, this.sourcePc)
        this.items.push({ operation, operands, sourcePc: this.sourcePc })
        if (changesA(operation)) this.mirrored = undefined
        const stored = /^R(\d)=/.exec(operation)
        if (stored && this.mirrored !== undefined && this.registerOf(this.mirrored) === Number(stored[1]) && operation !== `R${stored[1]}=A`)
            this.mirrored = undefined
    }

    label(name: string): void {
        this.items.push({ label: name })
        this.mirrored = undefined
    }

    newLabel(prefix: string): string {
        return `${prefix}.${this.labels++}`
    }

    /** A now has this variable's value. */
    mirror(variable: number | undefined): void {
        this.mirrored = variable
    }

    isMirrored(variable: number): boolean {
        return this.mirrored === variable
    }

    private registerOf(variable: number): number | undefined {
        const place = this.allocation.places.get(variable)
        return place && "register" in place ? place.register : undefined
    }

    loadVariable(variable: number): void {
        if (this.mirrored === variable) return
        const register = this.registerOf(variable) ?? (variable === RETURN_VALUE ? this.returnValueRegister : undefined)
        if (register !== undefined) this.emit(`A=R${register}`)
        else {
            const place = this.allocation.places.get(variable)
            if (!place || !("spill" in place)) throw new Error(`variable ${variable} is used but has no place`)
            this.emit(`A=R${this.allocation.spillRegister} INDEX K`, { kind: "int", value: place.spill })
        }
        this.mirrored = variable
    }

    /** Stores A in a variable. */
    storeVariable(variable: number): void {
        const register = this.registerOf(variable)
        if (register !== undefined) this.emit(`R${register}=A`)
        else {
            const place = this.allocation.places.get(variable)
            if (!place || !("spill" in place)) return
            this.emit(`R${this.allocation.spillRegister}[K]=A`, { kind: "int", value: place.spill })
        }
        this.mirrored = variable
    }

    /** Lends a register that is free during the current statement. */
    withTemporary(use: (register: number) => void, general = false): void {
        const candidates = this.free.filter(r => !general || r < generalRegisters)
        // leave the general ones to those who need them
        const register = general ? candidates[0] : candidates[candidates.length - 1]
        if (register === undefined)
            throw new RefusalSignal("HOV107", `an expression needs more than ${registerCount} registers`, this.sourcePc)
        this.free = this.free.filter(r => r !== register)
        use(register)
        this.free = [...this.free, register].sort((x, y) => x - y)
    }

    /** A register that is free for the rest of the statement. */
    reserveTemporary(): number {
        const register = this.free[this.free.length - 1]
        if (register === undefined)
            throw new RefusalSignal("HOV107", `an expression needs more than ${registerCount} registers`, this.sourcePc)
        this.free = this.free.filter(r => r !== register)
        return register
    }

    /** Whether working out an expression overwrites B. Found by trying: selection is deterministic. */
    clobbersB(e: Expr): boolean {
        let known = this.clobbers.get(e)
        if (known === undefined) {
            const { items, mirrored, labels, free } = this
            this.items = []
            evaluate(this, e)
            known = this.items.some(i => "operation" in i && (i.operation.startsWith("B=") || i.operation.startsWith("call ")))
            this.items = items
            this.mirrored = mirrored
            this.labels = labels
            this.free = free
            this.clobbers.set(e, known)
        }
        return known
    }

    /**
     * Reads a field that objects made by the base may not have yet. When it comes out undefined, the object is brought up
     * to its new layout, once, and read again.
     */
    loadNewField(object: Expr, field: Operand): void {
        this.withTemporary(t => {
            evaluate(this, object)
            this.emit(`R${t}=A`)
            this.emit(`A=R${t} INDEX K`, field)
            const slow = this.newLabel("migrate")
            const done = this.newLabel("migrated")
            this.emit("if A EQ K", { kind: "special", value: "undefined" }, { kind: "label", name: done }, { kind: "label", name: slow })
            this.label(slow)
            this.emit(`B=R${t}`)
            this.emit("A=K", field)
            this.emit("call K(B,A)", { kind: "builtinField", object: -1, name: "migrate" })
            this.label(done)
        }, true)
    }
}

function changesA(operation: string): boolean {
    return operation.startsWith("A=") || operation.startsWith("call ") || operation.startsWith("delete ")
}
