/** How many may go by now, at so many a second, with a twenty-fifth of a second's worth at once: who was kept from offering does not make up for it. */
export class Pace {
    #perS: number
    #allowance = 0
    #atMs: number

    constructor(perS: number, nowMs: number) {
        this.#perS = perS
        this.#atMs = nowMs
    }

    get perS(): number {
        return this.#perS
    }

    set(perS: number): void {
        this.#perS = perS
    }

    /** Takes as many of `wanted` as may go. */
    take(wanted: number, nowMs: number): number {
        const most = Math.max(1, this.#perS / 25)
        this.#allowance = Math.min(most, this.#allowance + (Math.max(0, nowMs - this.#atMs) / 1000) * this.#perS)
        this.#atMs = nowMs
        const taken = Math.min(wanted, Math.floor(this.#allowance))
        this.#allowance -= taken
        return taken
    }
}
