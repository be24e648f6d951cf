/** A process of devices, as the process that measures sees it. */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Figures, Order, Seat, Told } from "./messages.ts"

export class RemoteFleet {
    readonly #child: ChildProcess
    readonly #waiting: ((told: Told) => boolean)[] = []

    private constructor(child: ChildProcess) {
        this.#child = child
        child.on("message", (told: Told) => {
            const at = this.#waiting.findIndex(wants => wants(told))
            if (at >= 0) this.#waiting.splice(at, 1)
        })
        child.once("exit", (code, signal) => {
            if (code !== 0 && signal !== "SIGTERM") throw new Error(`a process of devices ended: ${code} ${signal}`)
        })
    }

    static async start(seats: readonly Seat[], url: string, digest: string): Promise<RemoteFleet> {
        const fleet = new RemoteFleet(fork(fileURLToPath(new URL("./devices.ts", import.meta.url)), [], { execArgv: ["--import", "tsx"] }))
        fleet.#order({ order: "start", seats, url, digest })
        await fleet.#told("started")
        return fleet
    }

    /** When the device next hears a command. */
    async heard(n: number): Promise<number> {
        this.#order({ order: "listen", n })
        return (await this.#told("heard", n)).atMs
    }

    async figures(): Promise<Figures> {
        this.#order({ order: "figures" })
        return this.#told("figures")
    }

    reset(): void {
        this.#order({ order: "reset" })
    }

    end(): void {
        this.#order({ order: "stop" })
        this.#child.kill("SIGTERM")
    }

    #order(order: Order): void {
        this.#child.send(order)
    }

    #told<K extends Told["told"]>(kind: K, n?: number): Promise<Extract<Told, { told: K }>> {
        return new Promise(resolve =>
            this.#waiting.push(told => {
                if (told.told !== kind || (told.told === "heard" && told.n !== n)) return false
                resolve(told as Extract<Told, { told: K }>)
                return true
            }),
        )
    }
}
