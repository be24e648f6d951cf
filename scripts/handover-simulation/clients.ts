/** Devices and an operator: each has one thing to say at a time, and says it until it is taken. */
import type { Answer, Request } from "./server.ts"
import type { World } from "./world.ts"

/** Calls `then` with the answer, or undefined: refused, lost or late. */
export type Ask = (server: string, request: Request, timeoutMs: number, then: (answer: Answer | undefined) => void) => void

let ids = 0
const HOLD_MS = 300
const TIMEOUT_MS = 250

export interface DeviceOptions {
    readonly world: World
    readonly name: string
    readonly ask: Ask
    readonly list: readonly string[]
    /** Connects to next while current still serves it, as the idea has it; else one socket, like a board. */
    readonly twoConnections: boolean
    readonly statuses: number
}

export class Device {
    readonly #options: DeviceOptions
    #home: string
    #back: string
    #ticket: string | null = null
    /** At a place it was sent to, and had no good answer from yet. */
    #trying = false
    #failures = 0
    #sent = 0
    #due = 0
    applied = 0
    /** Raised when what is under way does not count any more. */
    #turn = 0

    constructor(options: DeviceOptions) {
        this.#options = options
        this.#home = options.list[0]
        this.#back = options.list[0]
        const { world } = options
        for (let n = 1; n <= options.statuses; n++) world.after(100 + world.random.next() * 4_500, () => this.#due++)
        world.after(world.random.next() * 100, () => this.#go())
    }

    get done(): boolean {
        return this.#sent === this.#options.statuses
    }

    #go(): void {
        const { ask, name } = this.#options
        const turn = ++this.#turn
        const isStatus = this.#sent < this.#due
        const request: Request = {
            id: ++ids,
            device: name,
            kind: isStatus ? "status" : "poll",
            n: isStatus ? this.#sent + 1 : this.applied,
            holdMs: isStatus || this.#trying ? 0 : HOLD_MS,
            ticket: this.#ticket,
        }
        ask(this.#home, request, request.holdMs + TIMEOUT_MS, answer => {
            if (turn === this.#turn) this.#take(request, answer)
        })
    }

    #take(request: Request, answer: Answer | undefined): void {
        const { world, name, twoConnections } = this.#options
        if (answer?.ok !== true) {
            if (answer?.move !== undefined && answer.move.to !== this.#home) this.#moveTo(answer.move.to, null)
            else this.#failed()
            return world.after(20 + world.random.next() * 60, () => this.#go())
        }
        world.note({ what: "served", device: name })
        this.#failures = 0
        // The first good exchange: from here on this is its home.
        this.#back = this.#home
        this.#trying = false
        this.#ticket = null
        if (request.kind === "status") {
            this.#sent = request.n
            world.note({ what: "acknowledged", device: name, n: request.n })
        } else if (answer.command !== undefined) this.#apply(answer.command)
        const { move } = answer
        if (move !== undefined && move.to !== this.#home) {
            if (twoConnections && move.ticket !== null) this.#attach(move.to, move.ticket)
            else this.#moveTo(move.to, move.ticket)
        }
        world.after(request.kind === "poll" && request.holdMs === 0 ? 10 : 1, () => this.#go())
    }

    /** Another command than the last one is taken for a new one: a board remembers no more. */
    #apply(n: number): void {
        if (n === this.applied) return
        this.applied = n
        this.#options.world.note({ what: "applied", device: this.#options.name, n })
    }

    #moveTo(server: string, ticket: string | null): void {
        this.#back = this.#home
        this.#home = server
        this.#ticket = ticket
        this.#trying = true
    }

    #failed(): void {
        const { list } = this.#options
        this.#ticket = null
        if (this.#trying) {
            this.#trying = false
            this.#home = this.#back
        } else if (++this.#failures >= 2) {
            this.#failures = 0
            this.#home = list[(list.indexOf(this.#home) + 1) % list.length]
        }
    }

    /** Next is asked on a connection of its own; the one to current goes on until next has answered. */
    #attach(server: string, ticket: string): void {
        const { ask, name, world } = this.#options
        const request: Request = { id: ++ids, device: name, kind: "poll", n: this.applied, holdMs: 0, ticket }
        ask(server, request, TIMEOUT_MS * 2, answer => {
            if (answer?.ok !== true || this.#home === server) return
            world.note({ what: "served", device: name })
            this.#back = this.#home = server
            this.#trying = false
            if (answer.command !== undefined) this.#apply(answer.command)
            this.#go()
        })
    }
}

export class Operator {
    #n = 1
    readonly #options: { world: World; device: string; ask: Ask; list: readonly string[]; commands: number }
    #at = 0

    constructor(options: { world: World; device: string; ask: Ask; list: readonly string[]; commands: number }) {
        this.#options = options
        options.world.after(100 + options.world.random.next() * 600, () => this.#go())
    }

    get done(): boolean {
        return this.#n > this.#options.commands
    }

    get issued(): number {
        return this.#n - 1
    }

    #go(): void {
        const { world, device, ask, list } = this.#options
        if (this.done) return
        const request: Request = { id: ++ids, device, kind: "command", n: this.#n, holdMs: 0, ticket: null }
        ask(list[this.#at % list.length], request, TIMEOUT_MS, answer => {
            if (answer?.ok === true) {
                world.note({ what: "issued", device, n: this.#n })
                this.#n++
                return world.after(world.random.next() * 1_200, () => this.#go())
            }
            this.#at++
            world.after(30 + world.random.next() * 60, () => this.#go())
        })
    }
}
