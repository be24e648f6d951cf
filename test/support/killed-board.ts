/** A board whose server dies again and again: it says each step until the server has answered it. */
import type { SeededRandom } from "../../sim/seeded-random.ts"
import type { Answer, TestDevice } from "./cloud.ts"

const STEP_MS = 15
const AGAIN_MS = 15

export class KilledBoard {
    /** By version: the end that the server has answered with 200. */
    readonly acknowledged = new Map<string, string>()
    readonly #device: TestDevice
    readonly #random: SeededRandom
    readonly #told = new Map<string, Set<string>>()
    #stopped = false

    constructor(device: TestDevice, random: SeededRandom) {
        this.#device = device
        this.#random = random
    }

    get id(): string {
        return this.#device.id
    }

    hasEnded(version: string): boolean {
        return this.acknowledged.has(version)
    }

    /** How many commands it was ever told for a version. */
    told(version: string): number {
        return this.#told.get(version)?.size ?? 0
    }

    async live(): Promise<void> {
        while (!this.#stopped) {
            const { status, body } = await this.#say(() => this.#device.poll(1))
            if (status === 200 && body?.cmd === "update") await this.#obey(body)
        }
        this.#device.close()
    }

    stop(): void {
        this.#stopped = true
    }

    async #obey({ id, v }: { id: string; v: string }): Promise<void> {
        this.#told.set(v, (this.#told.get(v) ?? new Set()).add(id))
        const { actual } = this.#device
        if (!this.acknowledged.has(v)) {
            for (const state of ["checking", "downloading", "trial"]) {
                await this.#say(() => this.#device.status({ id, state }))
                await new Promise(resolve => setTimeout(resolve, this.#random.next() * STEP_MS))
            }
            const rollsBack = this.#random.next() < 0.5
            Object.assign(actual, rollsBack ? { state: "rolledBack" } : { state: "confirmed", v })
        }
        // Told once more what it has done: it can only say so again.
        const answer = await this.#say(() => this.#device.status({ id, state: actual.state, v: actual.v }))
        if (answer.status === 200) this.acknowledged.set(v, actual.state === "rolledBack" ? "rolledBack" : "succeeded")
    }

    async #say(ask: () => Promise<Answer>): Promise<Answer> {
        for (;;) {
            try {
                const answer = await ask()
                if (answer.status < 300 || this.#stopped) return answer
            } catch {
                // The server is away.
                if (this.#stopped) return { status: 0, headers: {}, bytes: Buffer.alloc(0), body: undefined }
            }
            await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
        }
    }
}
