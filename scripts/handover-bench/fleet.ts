/** Devices at the level of the protocol: one connection each, following `move` as a board does. */
import { Line, pollRequest } from "../bench-cloud-client.ts"
import type { Figures, Seat } from "./messages.ts"

const HOLD_S = 20
/** Every so many devices posts statuses, or downloads, all the time. */
const STATUS_EVERY = 100
const CHUNK_EVERY = 400
const STATUS_PAUSE_MS = 100
const CHUNK_BYTES = 1024
/** A board writes what it got before it asks for more. */
const CHUNK_PAUSE_MS = 10

interface Place {
    readonly url: string
    readonly host: string
    readonly port: number
    readonly prefix: string
}

/** Devices whose work is timed are in a process of their own: those that only hold polls must not keep them waiting. */
export const isTimed = (n: number): boolean => n % STATUS_EVERY === 1 || n % CHUNK_EVERY === 2

export class Fleet {
    readonly #failures: string[] = []
    readonly #seats: readonly Seat[]
    readonly #home: Place
    readonly #digest: string
    readonly #heard: (n: number) => void
    readonly #listening = new Set<number>()
    readonly #loops: Promise<void>[] = []
    #moved = 0
    #extraRequests = 0
    #stopped = false
    #failed = 0
    #statuses = 0
    #chunks = 0

    constructor(seats: readonly Seat[], url: string, digest: string, heard: (n: number) => void) {
        this.#seats = seats
        this.#home = placeOf(url)
        this.#digest = digest
        this.#heard = heard
    }

    async start(): Promise<void> {
        for (let from = 0; from < this.#seats.length; from += 100)
            await Promise.all(this.#seats.slice(from, from + 100).map(seat => new Promise<void>(resolve => this.#loops.push(this.#device(seat, resolve)))))
    }

    resetFigures(): void {
        this.#failed = this.#statuses = this.#chunks = 0
    }

    get figures(): Omit<Figures, "cpuMs"> {
        return { failed: this.#failed, statuses: this.#statuses, chunks: this.#chunks, moved: this.#moved, extraRequests: this.#extraRequests, failures: this.#failures }
    }

    /** Tells when the device next hears a command. */
    listen(n: number): void {
        this.#listening.add(n)
    }

    stop(): void {
        this.#stopped = true
    }

    async #device(seat: Seat, ready: () => void): Promise<void> {
        const { n } = seat
        let place = this.#home
        let line = await Line.open(place.host, place.port)
        const ask = async (request: string): Promise<{ status: number; body: string }> => {
            try {
                const answer = await line.ask(request.replace(" /v1/", ` ${place.prefix}/v1/`))
                if (answer.status >= 300) this.#fail(`${seat.id} ${request.slice(0, 60)}: ${answer.status} ${answer.body.slice(0, 200)}`)
                return answer
            } catch (error) {
                this.#fail(`${seat.id} ${request.slice(0, 60)}: ${(error as Error).message}`)
                await new Promise(resolve => setTimeout(resolve, 200))
                line = await Line.open(place.host, place.port)
                return { status: 0, body: "" }
            }
        }
        if (n % STATUS_EVERY === 1) this.#busy(() => this.#status(seat, () => place), STATUS_PAUSE_MS)
        if (n % CHUNK_EVERY === 2) this.#busy(() => this.#chunk(seat, () => place), CHUNK_PAUSE_MS)
        await ask(pollRequest(seat, 0, n))
        ready()
        for (let up = 0; !this.#stopped; up++) {
            const answer = await ask(pollRequest(seat, HOLD_S, up))
            if (answer.status !== 200) continue
            const body = JSON.parse(answer.body) as { cmd?: string; id?: string; move?: string }
            if (body.cmd !== undefined) {
                if (this.#listening.delete(n)) this.#heard(n)
                const status = JSON.stringify({ id: body.id, state: "idle", v: "1.0.0", seq: 0, bank: "R" })
                await ask(statusRequest(seat, status))
            }
            if (body.move === undefined) continue
            this.#extraRequests++
            this.#moved++
            place = placeOf(body.move)
            line.close()
            line = await Line.open(place.host, place.port)
        }
        line.close()
    }

    #busy(work: () => Promise<void>, pauseMs: number): void {
        void (async () => {
            while (!this.#stopped) {
                try {
                    await work()
                } catch (error) {
                    this.#fail((error as Error).message)
                }
                await new Promise(resolve => setTimeout(resolve, pauseMs))
            }
        })()
    }

    readonly #lines = new Map<string, { line: Line; url: string }>()
    async #lineTo(name: string, place: Place): Promise<Line> {
        const known = this.#lines.get(name)
        if (known?.url === place.url) return known.line
        known?.line.close()
        const line = await Line.open(place.host, place.port)
        this.#lines.set(name, { line, url: place.url })
        return line
    }

    /** A status of its own each time: `done` counts, so that none is taken for a repetition. */
    #count = 0
    async #status(seat: Seat, where: () => Place): Promise<void> {
        const place = where()
        const line = await this.#lineTo(`s${seat.n}`, place)
        const body = JSON.stringify({ id: "", state: "downloading", v: "1.0.0", seq: 0, bank: "R", done: ++this.#count })
        const answer = await line.ask(statusRequest(seat, body).replace(" /v1/", ` ${place.prefix}/v1/`))
        if (answer.status !== 200) this.#fail(`status: ${answer.status} ${answer.body.slice(0, 200)}`)
        else this.#statuses++
    }

    async #chunk(seat: Seat, where: () => Place): Promise<void> {
        const place = where()
        const line = await this.#lineTo(`c${seat.n}`, place)
        const offset = (this.#chunks % 8) * CHUNK_BYTES
        const answer = await line.ask(`GET ${place.prefix}/v1/blobs/${this.#digest}?offset=${offset}&length=${CHUNK_BYTES} HTTP/1.1\r\nHost: cloud\r\nAuthorization: Bearer ${seat.token}\r\n\r\n`)
        if (answer.status !== 200) this.#fail(`chunk: ${answer.status} ${answer.body.slice(0, 200)}`)
        else this.#chunks++
    }

    #fail(why: string): void {
        if (this.#stopped) return
        this.#failed++
        if (this.#failures.length < 20) this.#failures.push(why)
    }
}

function placeOf(url: string): Place {
    const { hostname, port, pathname, origin } = new URL(url)
    return { url: origin, host: hostname, port: Number(port), prefix: pathname === "/" ? "" : pathname }
}

const statusRequest = (seat: { id: string; token: string }, body: string): string =>
    `POST /v1/dfu/${seat.id}/status HTTP/1.1\r\nHost: cloud\r\nAuthorization: Bearer ${seat.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
