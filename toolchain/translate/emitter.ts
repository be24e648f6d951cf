import type { Expr } from "../devs/code.ts"
import { temporaryRegisters } from "../executor/operations.ts"
import { destinationOf } from "../executor/patterns.ts"
import type { Allocation, Place } from "./allocate.ts"
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
    /** where `ret_val` is saved for the current statement */
    returnValuePlace: Place | undefined
    /** the value that the statement before has left in `ret_val` is in A alone */
    isReturnValueInA = false
    /** register that the call of the statement before has put its result in */
    resultRegister: number | undefined
    readonly scope: Scope
    readonly allocation: Allocation
    private readonly operations: { has(operation: string): boolean }
    /** variable whose value A has, or undefined */
    private mirrored: number | undefined
    private free: number[] = []
    /** places in the spill array that are in use in passing, and the most that ever were */
    private parked = 0
    private parkedMost = 0
    private labels = 0
    private readonly clobbers = new Map<Expr, boolean>()
    /** what working out expressions of the current statement costs, as far as it has been asked; see tiles.ts */
    readonly costs = new Map<Expr, number>()
    /** registers that hold expressions of the current statement already */
    private readonly lent = new Map<Expr, string>()

    constructor(scope: Scope, allocation: Allocation, operations: { has(operation: string): boolean }) {
        this.scope = scope
        this.allocation = allocation
        this.operations = operations
    }

    has(operation: string): boolean {
        return this.operations.has(operation)
    }

    /** Instructions so far. */
    get instructions(): number {
        return this.items.reduce((n, i) => n + Number("operation" in i), 0)
    }

    /** Starts a statement: `free` are the registers that hold nothing while it runs. */
    begin(sourcePc: number, free: number[]): void {
        this.sourcePc = sourcePc
        this.free = free
        this.parked = 0
        this.returnValuePlace = undefined
        this.forget()
        this.lent.clear()
    }

    /** What has been found out about expressions, which depends on where values are. */
    private forget(): void {
        this.clobbers.clear()
        this.costs.clear()
    }

    /** The register that has an expression's value already. */
    lentTo(e: Expr): string | undefined {
        return this.lent.get(e)
    }

    /** From here on a register has the value of this expression, until the statement ends. */
    lend(e: Expr, register: string): void {
        this.lent.set(e, register)
        this.forget()
    }

    emit(operation: string, ...operands: Operand[]): void {
        if (!this.has(operation)) throw new RefusalSignal("HOV111", `the base's executor lacks "${operation}"`, this.sourcePc)
        this.items.push({ operation, operands, sourcePc: this.sourcePc })
        const changed = destinationOf(operation)
        if (changed === "A" || changesA(operation)) this.mirrored = undefined
        const register = this.mirrored === undefined ? undefined : this.registerOf(this.mirrored)
        if (register !== undefined && changed === `R${register}` && operation !== `R${register}=A`) this.mirrored = undefined
    }

    /** Emits the first of these that the base has; returns whether there was one. */
    emitOneOf(...choices: readonly (readonly [operation: string, operands: readonly Operand[]])[]): boolean {
        const choice = choices.find(([operation]) => this.has(operation))
        if (choice) this.emit(choice[0], ...choice[1])
        return choice !== undefined
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

    placeOf(variable: number): Place | undefined {
        if (variable !== RETURN_VALUE) return this.allocation.places.get(variable)
        return this.isReturnValueInA ? this.returnValuePlace : (this.allocation.places.get(variable) ?? this.returnValuePlace)
    }

    private registerOf(variable: number): number | undefined {
        const place = this.allocation.places.get(variable)
        return place && "register" in place ? place.register : undefined
    }

    loadVariable(variable: number): void {
        if (this.mirrored === variable) return
        const place = this.placeOf(variable)
        if (!place) {
            if (variable === RETURN_VALUE) throw new ReturnValueLost()
            throw new Error(`variable ${variable} is used but has no place`)
        }
        this.loadA(place)
        this.mirrored = variable
    }

    /** Stores A in a variable, unless nobody needs it. */
    storeVariable(variable: number): void {
        const place = this.allocation.places.get(variable)
        if (!place) return
        this.storeA(place)
        this.mirrored = variable
    }

    loadA(place: Place): void {
        if ("register" in place) this.emit(`A=R${place.register}`)
        else if ("slot" in place) this.emit(`A=L${place.slot}`)
        else this.emit("A=S[K]", { kind: "int", value: place.spill })
    }

    loadB(place: Place): void {
        if ("register" in place) this.emit(`B=R${place.register}`)
        else if ("slot" in place) throw new Error("only A reaches far slots")
        else this.emit("B=S[K]", { kind: "int", value: place.spill })
    }

    storeA(place: Place): void {
        if ("register" in place) this.emit(`R${place.register}=A`)
        else if ("slot" in place) this.emit(`L${place.slot}=A`)
        else this.emit("S[K]=A", { kind: "int", value: place.spill })
    }

    /** Places that the spill array needs. */
    get spillSize(): number {
        return this.allocation.spillCount + this.parkedMost
    }

    /**
     * Lends a place for a value while the rest of an expression is worked out: a register that is free during the current
     * statement, `general` ones only to those who ask for them; else a place in the spill array.
     */
    withTemporary(use: (place: TemporaryPlace) => void, general = false): void {
        const place = this.reserveTemporary(general)
        use(place)
        if ("register" in place) this.free = [...this.free, place.register].sort((x, y) => x - y)
        else this.parked--
    }

    /** A register that is free for the rest of the statement, if there is one. */
    tryReserveRegister(): number | undefined {
        const register = this.free[0]
        this.free = this.free.slice(1)
        return register
    }

    /** A place in the spill array for the rest of the statement. */
    reserveSpill(): { readonly spill: number } {
        if (!this.allocation.spills) throw new OutOfRegisters()
        const spill = this.allocation.spillCount + this.parked++
        this.parkedMost = Math.max(this.parkedMost, this.parked)
        return { spill }
    }

    /** The same for the rest of the statement. */
    reserveTemporary(general = false): TemporaryPlace {
        const candidates = this.free.filter(r => !general || r < temporaryRegisters)
        const register = general ? candidates[0] : candidates[candidates.length - 1]
        if (register === undefined) return this.reserveSpill()
        this.free = this.free.filter(r => r !== register)
        return { register }
    }

    /** Runs code that may throw T; then all that it has emitted is taken back. Returns whether it came to its end. */
    attempt(signal: new () => Error, translate: () => void): boolean {
        const { mirrored, free, parked } = this
        const length = this.items.length
        try {
            translate()
            return true
        } catch (e) {
            if (!(e instanceof signal)) throw e
            this.items.length = length
            this.mirrored = mirrored
            this.free = free
            this.parked = parked
            this.forget()
            this.lent.clear()
            return false
        }
    }

    /** Runs code for what it tells, and takes back all that it has emitted. */
    probe<T>(translate: () => T): T {
        const { mirrored, free, parked, items } = this
        const lent = [...this.lent]
        this.items = []
        try {
            return translate()
        } finally {
            if (this.lent.size !== lent.length) {
                this.lent.clear()
                for (const [e, register] of lent) this.lent.set(e, register)
                this.forget()
            }
            this.items = items
            this.mirrored = mirrored
            this.free = free
            this.parked = parked
        }
    }

    /** Whether working out an expression overwrites B. Found by trying: selection is deterministic. */
    clobbersB(e: Expr): boolean {
        let known = this.clobbers.get(e)
        if (known === undefined) {
            const { items, mirrored, labels, free, parked } = this
            this.items = []
            try {
                evaluate(this, e)
                known = this.items.some(i => "operation" in i && (destinationOf(i.operation) === "B" || i.operation.includes("call ")))
            } finally {
                this.items = items
                this.mirrored = mirrored
                this.labels = labels
                this.free = free
                this.parked = parked
            }
            this.clobbers.set(e, known)
        }
        return known
    }
}

export type TemporaryPlace = Exclude<Place, { readonly slot: number }>

/** A statement uses `ret_val` when A no longer has it: it has to be saved before. */
export class ReturnValueLost extends Error {}

/** An expression needs one more register than there are: the function has to be translated with a spill array. */
export class OutOfRegisters extends Error {}

/** Operations that leave a result in A without saying so in their names. */
function changesA(operation: string): boolean {
    return operation === "call B(...A)" || operation === "delete B[A]"
}
