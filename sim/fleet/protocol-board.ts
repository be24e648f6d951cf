/**
 * A board at the level of the protocol: it polls, downloads in chunks and checks the digest, installs, confirms or
 * rolls back, and follows `move`. No VM: tens of thousands fit into one process.
 */
import { createHash } from "node:crypto"
import { type Answer, Connection } from "./connection.ts"

export interface ProtocolBoardOptions {
    readonly url: string
    readonly id: string
    readonly token: string
    readonly baseId: string
    readonly version: string
    readonly holdS: number
    /** Chance that an update fails its trial, 0 … 1. */
    readonly failShare: number
    /** Where its connections to this machine come from. */
    readonly localAddress?: string
    /** A trial takes this long. */
    readonly trialMs: number
    /** 0 … 1, from a seed. */
    random(): number
    onEvent(event: "polling" | "updated" | "rolledBack" | "failed" | "moved" | "trouble"): void
}

interface Command {
    readonly cmd?: string
    readonly id?: string
    readonly v?: string
    readonly m?: string
    readonly img?: string
    readonly len?: number
    readonly move?: string
}

/** Where requests go; opened when it is needed. */
interface Line {
    connection: Connection | undefined
}

const CHUNK_BYTES = 1024
const TIMEOUT_MS = 10_000
const GO_MS = 2_000
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 30_000
/** Where a manifest has its sequence. */
const SEQUENCE_AT = 16

export const isLoopback = (url: URL): boolean => /^127\.\d+\.\d+\.\d+$/.test(url.hostname)

export class ProtocolBoard implements Line {
    readonly #options: ProtocolBoardOptions
    readonly #actual: Record<string, unknown>
    readonly #startMs = Date.now()
    #home: URL
    /** The one to its home. */
    connection: Connection | undefined
    #stopped = false
    #retryMs = RETRY_MIN_MS

    constructor(options: ProtocolBoardOptions) {
        this.#options = options
        this.#home = new URL(options.url)
        this.#actual = { v: options.version, seq: 0, base: options.baseId, bank: "R", state: "idle", boot: 1, ch: "stable" }
    }

    /** Lives until it is stopped; trouble on the way is waited out. */
    async run(): Promise<void> {
        let first = true
        while (!this.#stopped) {
            try {
                const { status, body } = await this.#poll(this.#home, first ? 0 : this.#options.holdS)
                if (status >= 300) throw new Error(`poll: HTTP ${status}`)
                if (first) this.#options.onEvent("polling")
                first = false
                this.#retryMs = RETRY_MIN_MS
                if (status === 200) await this.#obey(JSON.parse(body.toString()) as Command)
            } catch {
                if (this.#stopped) return
                this.#options.onEvent("trouble")
                this.connection?.close()
                this.connection = undefined
                await this.#sleep(this.#retryMs * (0.5 + this.#options.random()))
                this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
            }
        }
    }

    stop(): void {
        this.#stopped = true
        this.connection?.close()
    }

    async #obey(command: Command): Promise<void> {
        if (command.cmd === "update") await this.#update(command)
        else if (command.cmd === "revert") await this.#finish(command, "confirmed", this.#options.version, 0, "R")
        else if (command.cmd !== undefined) await this.#status(command, { state: this.#actual.state })
        if (command.move !== undefined) await this.#follow(new URL(command.move))
    }

    async #update(command: Command): Promise<void> {
        const { failShare, trialMs, random } = this.#options
        const sequence = Buffer.from(command.m ?? "", "hex").readUInt32LE(SEQUENCE_AT)
        await this.#status(command, { state: "downloading", done: 0, of: command.len })
        const image = await this.#download(String(command.img), Number(command.len))
        if (createHash("sha256").update(image).digest("hex") !== command.img) {
            this.#actual.state = "failed"
            await this.#status(command, { state: "failed", code: "HOV_DFU_DIGEST" })
            this.#options.onEvent("failed")
            return
        }
        const before = { ...this.#actual }
        Object.assign(this.#actual, { v: command.v, seq: sequence, bank: before.bank === "A" ? "B" : "A", state: "trial" })
        await this.#status(command, { state: "trial", done: command.len, of: command.len })
        await this.#sleep(trialMs * (0.5 + random()))
        if (random() >= failShare) {
            await this.#finish(command, "confirmed", String(command.v), sequence, String(this.#actual.bank))
            this.#options.onEvent("updated")
            return
        }
        await this.#finish(command, "rolledBack", String(before.v), Number(before.seq), String(before.bank), { code: "HOV_GUARD", diag: { kind: "exception", msg: "simulated" } })
        this.#options.onEvent("rolledBack")
    }

    async #finish(command: Command, state: string, version: string, sequence: number, bank: string, more: object = {}): Promise<void> {
        Object.assign(this.#actual, { state, v: version, seq: sequence, bank })
        await this.#status(command, { state, ...more })
    }

    async #download(digest: string, sizeBytes: number): Promise<Buffer> {
        const parts: Buffer[] = []
        for (let offset = 0; offset < sizeBytes; offset += CHUNK_BYTES) {
            const length = Math.min(CHUNK_BYTES, sizeBytes - offset)
            const { status, body } = await this.#exchange(this.#home, "GET", `/v1/blobs/${digest}?offset=${offset}&length=${length}`, "", TIMEOUT_MS)
            if (status !== 200) throw new Error(`chunk: HTTP ${status}`)
            parts.push(body)
        }
        return Buffer.concat(parts)
    }

    async #status(command: Command, more: Record<string, unknown>): Promise<void> {
        const { v, seq, bank } = this.#actual
        const body = JSON.stringify({ id: command.id, v, seq, bank, ...more })
        const { status } = await this.#exchange(this.#home, "POST", `/v1/dfu/${this.#options.id}/status`, body, TIMEOUT_MS)
        if (status !== 200) throw new Error(`status: HTTP ${status}`)
    }

    /**
     * To another server, in the order of the handover: connected to next while current serves, which
     * lets go (`leaving`) once next has the session; only then the connection to current is closed.
     */
    async #follow(next: URL): Promise<void> {
        const [home, current] = [this.#home, this.connection]
        const atNext: Line = { connection: undefined }
        let isOver = false
        const letGo = this.#stay(home, () => isOver)
        try {
            const { status, body } = await this.#poll(next, 0, atNext)
            if (status >= 300) throw new Error(`next: HTTP ${status}`)
            // A server that has let go may be gone before it can say so.
            await Promise.race([letGo, this.#sleep(GO_MS)])
            isOver = true
            this.#home = next
            this.connection = atNext.connection
            current?.close()
            this.#options.onEvent("moved")
            if (status === 200) await this.#obey(JSON.parse(body.toString()) as Command)
        } catch (error) {
            if (this.#home === next) throw error
            atNext.connection?.close()
            isOver = true
            await letGo
            this.#options.onEvent("trouble")
        }
    }

    /** Served by current until it lets go, or is gone; what it says meanwhile is done. */
    async #stay(home: URL, isOver: () => boolean): Promise<void> {
        try {
            while (!this.#stopped && !isOver()) {
                const { status, body } = await this.#poll(home, this.#options.holdS, this, true)
                if (status >= 300) return
                const command = (status === 200 ? JSON.parse(body.toString()) : {}) as Command
                if (command.move !== undefined) return
                await this.#obey(command)
            }
        } catch {
            if (isOver()) return
            this.connection?.close()
            this.connection = undefined
        }
    }

    #poll(at: URL, holdS: number, line: Line = this, isLeaving = false): Promise<Answer> {
        const body = JSON.stringify({ ...this.#actual, up: Date.now() - this.#startMs })
        return this.#exchange(at, "POST", `/v1/dfu/${this.#options.id}/poll?ct=${holdS}${isLeaving ? "&leaving=1" : ""}`, body, holdS * 1000 + TIMEOUT_MS, line)
    }

    /** Rate limits are kept to: the request is made again when the server says. */
    async #exchange(at: URL, method: string, route: string, body: string, timeoutMs: number, line: Line = this): Promise<Answer> {
        const prefix = at.pathname === "/" ? "" : at.pathname
        const head = `${method} ${prefix}${route} HTTP/1.1\r\nHost: ${at.host}\r\nAuthorization: Bearer ${this.#options.token}\r\nContent-Type: application/json\r\n`
        for (;;) {
            line.connection ??= await Connection.open(at, isLoopback(at) ? this.#options.localAddress : undefined)
            const answer = await line.connection.ask(head, body, timeoutMs)
            if (answer.status !== 429 || this.#stopped) return answer
            await this.#sleep(Math.max(1, answer.retryAfterS) * 1000)
        }
    }

    #sleep(ms: number): Promise<void> {
        return new Promise(resolve => setTimeout(resolve, ms))
    }
}
