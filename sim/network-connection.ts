import { createConnection, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import type { Chip } from "./chips.ts"
import type { ConnectionEnd, NetworkEvent, NetworkFaults, Range } from "./network-faults.ts"
import type { SeededRandom } from "./seeded-random.ts"
import type { SocketEvent } from "./vm-instance.ts"

/** How long a closed connection may still flush what was written to it. */
const FLUSH_MS = 5000

export interface ConnectionTarget {
    host: string
    port: number
    tls: boolean
}

type EventDetail = NetworkEvent extends infer E ? (E extends unknown ? Omit<E, "connection" | "tMs"> : never) : never

export interface ConnectionContext {
    faults(): NetworkFaults
    chip: Chip
    random: SeededRandom
    /** What an outside observer sees. */
    report(event: EventDetail): void
    /** What the board sees; several at once are one turn of its VM. */
    deliver(...events: SocketEvent[]): void
}

/** Keeps the order of what is delayed, each piece by its own latency and all by the bandwidth. */
class Lane {
    private readonly queue: { atMs: number; action: () => void }[] = []
    private freeAtMs = 0

    constructor(private readonly context: ConnectionContext) {}

    schedule(sizeBytes: number, action: () => void) {
        const { latencyMs, bytesPerSecond } = this.context.faults()
        const delayMs = draw(this.context.random, latencyMs)
        const now = performance.now()
        const atMs = Math.max(now + delayMs, this.freeAtMs) + (bytesPerSecond ? (sizeBytes / bytesPerSecond) * 1000 : 0)
        if (atMs <= now && this.queue.length === 0) return action()
        this.freeAtMs = atMs
        if (this.queue.push({ atMs, action }) === 1) this.wait()
    }

    /** One timer for the lane: two of Node's own, for the same moment but set for different times, may swap places. */
    private wait() {
        setTimeout(() => {
            const now = performance.now()
            while (this.queue.length > 0 && this.queue[0].atMs <= now) this.queue.shift()?.action()
            if (this.queue.length > 0) this.wait()
        }, Math.max(0, Math.ceil(this.queue[0].atMs - performance.now())))
    }
}

function draw(random: SeededRandom, range: Range = 0): number {
    if (typeof range === "number") return range
    return range[0] + random.next() * (range[1] - range[0])
}

/** One TCP or TLS connection of a board with the faulty network in between. */
export class Connection {
    private socket: Socket | undefined
    private readonly up: Lane
    private readonly down: Lane
    isOpen = false
    private silent = false
    private bytesDown = 0
    /** The board no longer hears of this connection. */
    private detached = false
    private ended = false

    constructor(
        private readonly target: ConnectionTarget,
        private readonly context: ConnectionContext,
    ) {
        this.up = new Lane(context)
        this.down = new Lane(context)
        const { random } = context
        const faults = context.faults()
        context.report({ kind: "opening", ...target })
        const refused = random.chance(faults.refuseProbability ?? 0)
        const blackhole = random.chance(faults.blackholeProbability ?? 0)
        const delayMs = draw(random, faults.connectDelayMs)
        if (blackhole) {
            this.silent = true
            context.report({ kind: "fault", fault: "blackhole" })
            return
        }
        setTimeout(() => {
            if (this.detached) return
            if (context.faults().offline) this.fail("offline", "connect EHOSTUNREACH")
            else if (refused) this.fail("refused", "connect ECONNREFUSED")
            else this.connect()
        }, delayMs)
    }

    private connect() {
        const { host, port, tls } = this.target
        const socket = tls ? connectTls({ host, port }) : createConnection({ host, port })
        this.socket = socket
        socket.setNoDelay()
        // As the stock VM's glue: a TLS connection counts as open from TCP's connect on.
        socket.once("connect", () => this.down.schedule(0, () => {
            if (this.detached || this.ended) return
            this.isOpen = true
            this.context.report({ kind: "open" })
            this.context.deliver({ kind: "open" })
        }))
        socket.on("data", data => this.receive(data))
        socket.on("error", error => this.down.schedule(0, () => this.fail("error", error.message)))
        socket.on("close", () => this.down.schedule(0, () => this.end("peer")))
    }

    /** The board writes. */
    write(bytes: Uint8Array) {
        this.context.report({ kind: "up", sizeBytes: bytes.length })
        for (const piece of this.tamper(bytes, "up"))
            this.up.schedule(piece.bytes.length, () => {
                if (piece.bytes.length && this.passes()) this.socket?.write(piece.bytes)
                const { end } = piece
                // Not at once: the VM is in the middle of its write.
                if (end) setImmediate(() => this.breakOff(end))
            })
    }

    private receive(data: Uint8Array) {
        const sizeMax = this.context.faults().chunkSizeMaxBytes ?? this.context.chip.socketChunkBytes
        for (let at = 0; at < data.length; at += sizeMax)
            for (const piece of this.tamper(data.subarray(at, at + sizeMax), "down"))
                this.down.schedule(piece.bytes.length, () => {
                    if (piece.bytes.length && this.passes() && !this.detached && !this.ended) {
                        this.context.report({ kind: "down", sizeBytes: piece.bytes.length })
                        this.context.deliver({ kind: "message", bytes: piece.bytes })
                    }
                    if (piece.end) this.breakOff(piece.end)
                })
    }

    private passes() {
        return !this.silent && !this.context.faults().offline
    }

    /** What becomes of a chunk: the pieces that go on, the last one perhaps with the stream's end behind it. */
    private tamper(bytes: Uint8Array, direction: "up" | "down"): { bytes: Uint8Array; end?: "truncated" | "reset" }[] {
        const faults = this.context.faults()
        const { random, report } = this.context
        const applies = (faults.direction ?? "both") === "both" || faults.direction === direction
        const hit = (probability: number | undefined) => random.chance(probability ?? 0) && applies
        const drop = hit(faults.dropProbability)
        const duplicate = hit(faults.duplicateProbability)
        const corrupt = hit(faults.corruptProbability)
        const truncate = hit(faults.truncateProbability)
        const reset = hit(faults.resetProbability)
        const cutAt = random.integer(0, bytes.length - 1)
        const flipped = random.integer(0, bytes.length * 8 - 1)

        const before = this.bytesDown
        if (direction === "down") this.bytesDown += bytes.length
        if (direction === "down" && faults.resetAfterBytes !== undefined && this.bytesDown >= faults.resetAfterBytes) {
            report({ kind: "fault", fault: "reset" })
            return [{ bytes: bytes.subarray(0, Math.max(0, faults.resetAfterBytes - before)), end: "reset" }]
        }
        if (truncate || reset) {
            report({ kind: "fault", fault: truncate ? "truncate" : "reset" })
            return [{ bytes: bytes.slice(0, cutAt), end: truncate ? "truncated" : "reset" }]
        }
        if (drop) {
            report({ kind: "fault", fault: "drop" })
            return []
        }
        if (corrupt) {
            report({ kind: "fault", fault: "corrupt" })
            bytes = bytes.slice()
            bytes[flipped >> 3] ^= 1 << (flipped & 7)
        }
        if (duplicate) report({ kind: "fault", fault: "duplicate" })
        return duplicate ? [{ bytes }, { bytes }] : [{ bytes }]
    }

    private breakOff(how: "truncated" | "reset") {
        if (how === "reset") this.fail("reset", "read ECONNRESET")
        else this.end("truncated")
        this.socket?.destroy()
    }

    /** As both firmwares: an error on an open connection is followed by its close. */
    private fail(by: ConnectionEnd, message: string) {
        if (this.ended) return
        this.ended = true
        this.context.report({ kind: "closed", by })
        const { tls, host, port } = this.target
        const error = { kind: "error", message: `${tls ? "tls" : "tcp"}://${host}:${port}: ${message}` } as const
        if (this.detached) return
        if (this.isOpen) this.context.deliver(error, { kind: "close" })
        else this.context.deliver(error)
    }

    private end(by: ConnectionEnd) {
        if (this.ended) return
        this.ended = true
        this.context.report({ kind: "closed", by })
        if (this.detached) return
        if (this.context.chip.closeIsError) this.context.deliver({ kind: "error", message: "recv without buf?" }, { kind: "close" })
        else this.context.deliver({ kind: "close" })
    }

    /** The board closes, or opens another: it hears no more of this one. */
    close(by: "board" | "replaced") {
        this.detached = true
        if (!this.ended) {
            this.ended = true
            this.context.report({ kind: "closed", by })
        }
        this.up.schedule(0, () => {
            this.socket?.end()
            setTimeout(() => this.socket?.destroy(), FLUSH_MS).unref()
        })
    }

    /** The board lost power: nothing is sent any more, not even a close, until `halfOpenMs` have passed. */
    abandon() {
        this.detached = true
        this.silent = true
        if (!this.ended) {
            this.ended = true
            this.context.report({ kind: "closed", by: "powerLoss" })
        }
        setTimeout(() => this.socket?.destroy(), this.context.faults().halfOpenMs ?? 0).unref()
    }
}
