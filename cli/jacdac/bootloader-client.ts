import { createHash } from "node:crypto"
import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import { commandFrame, framePackets, type Packet } from "./frames.ts"
import type { JacdacLink } from "./link.ts"
import { reply } from "./reply.ts"

/* A client of services/bootloader.md. */

const SERVICE_CLASS = 0x1a5de6b1
const GET = 0x1000
const EVENT_MASK = 0x8000
const CHANGED = 0x80
const COMMAND = { begin: 0x80, write: 0x81, commit: 0x82, confirm: 0x83, reject: 0x84, cancel: 0x85, rollback: 0x86, erase: 0x87 } as const
const REGISTER = { phase: 0x180, slot: 0x181, activeVersion: 0x182, base: 0x183, sequence: 0x184, errorCode: 0x185, received: 0x186, bankA: 0x187, bankB: 0x188, counts: 0x189, nextSlot: 0x18a, diagnostics: 0x18b } as const

export const PHASES = ["idle", "checking", "downloading", "ready", "trial", "confirmed", "rolledBack", "failed"] as const
export type BoardPhase = (typeof PHASES)[number]

const PIECE_BYTES = 200
const REPLY_MS = 700
const TRIES = 6
const POLL_MS = 150

export interface BoardOnBus {
    readonly deviceId: string
    readonly serviceIndex: number
}

export interface BoardState {
    readonly phase: BoardPhase
    readonly slot: "R" | "A" | "B"
    readonly version: string
    readonly base: string
    readonly sequence: number
    readonly code: string
}

export type BankStatus = "empty" | "trial" | "confirmed" | "bad"

export interface BankOnBoard {
    readonly status: BankStatus
    readonly attempts: number
    readonly sequence: number
    readonly version: string
}

/** What the board's boot record says. */
export interface BankState {
    readonly a: BankOnBoard
    readonly b: BankOnBoard
    readonly next: "R" | "A" | "B"
    readonly panics: number
    readonly rollbacks: number
    readonly trials: number
    /** About the last failure. */
    readonly diagnostics: Readonly<Record<string, unknown>> | null
}

const SLOTS = ["R", "A", "B"] as const
const text = (bytes: Buffer) => bytes.toString("utf8").replace(/\0.*$/s, "")

/** A piece of the artifact with its check, the first 4 bytes of its SHA-256. */
export function writePacket(offset: number, data: Uint8Array): Buffer {
    const packet = Buffer.alloc(8 + data.length)
    packet.writeUInt32LE(offset)
    createHash("sha256").update(data).digest().copy(packet, 4, 0, 4)
    packet.set(data, 8)
    return packet
}

/** Boards on the bus that can be updated: after `waitMs` (boards announce every 0.5 s), or as soon as there are `enough`. */
export function findBoards(link: JacdacLink, waitMs: number, deviceId?: string, enough = deviceId ? 1 : Number.POSITIVE_INFINITY): Promise<BoardOnBus[]> {
    return new Promise(resolve => {
        const found = new Map<string, BoardOnBus>()
        const finish = () => {
            clearTimeout(timer)
            off()
            resolve([...found.values()])
        }
        const timer = setTimeout(finish, waitMs)
        const off = link.onFrame(frame => {
            for (const packet of framePackets(frame)) {
                if (packet.isCommand || packet.serviceIndex !== 0 || packet.command !== 0) continue
                if (deviceId && packet.deviceId !== deviceId) continue
                for (let i = 1; (i + 1) * 4 <= packet.data.length; i++)
                    if (packet.data.readUInt32LE(i * 4) === SERVICE_CLASS) found.set(packet.deviceId, { deviceId: packet.deviceId, serviceIndex: i })
                if (found.size >= enough) return finish()
            }
        })
    })
}

export class BusBootloader {
    private phaseBefore: BoardPhase | undefined
    /** The last one that the board has announced since the commit. */
    private announced: BoardPhase | undefined
    private stopListening: () => void = () => {}

    constructor(
        private readonly link: JacdacLink,
        readonly board: BoardOnBus,
    ) {}

    async state(): Promise<BoardState> {
        return {
            phase: PHASES[(await this.read("phase"))[0]],
            slot: SLOTS[(await this.read("slot"))[0]],
            version: text(await this.read("activeVersion")),
            base: (await this.read("base")).toString("hex"),
            sequence: (await this.read("sequence")).readUInt32LE(0),
            code: text(await this.read("errorCode")),
        }
    }

    async banks(): Promise<BankState> {
        const [panics, rollbacks, trials] = await this.read("counts")
        const diagnostics = text(await this.read("diagnostics"))
        return {
            a: bank(await this.read("bankA")),
            b: bank(await this.read("bankB")),
            next: SLOTS[(await this.read("nextSlot"))[0]],
            panics,
            rollbacks,
            trials,
            diagnostics: diagnostics ? JSON.parse(diagnostics) : null,
        }
    }

    /** Writes the artifact, from where the board has it, and has it checked and run. */
    async push(artifact: Uint8Array, onProgress: (doneBytes: number) => void = () => {}): Promise<void> {
        const size = Buffer.alloc(4)
        size.writeUInt32LE(artifact.length)
        this.send(COMMAND.begin, size)
        let done = (await this.read("received")).readUInt32LE(0)
        let silent = 0
        while (done < artifact.length) {
            const reply = await this.ask(COMMAND.write, COMMAND.write, writePacket(done, artifact.subarray(done, done + PIECE_BYTES)))
            const received = reply && reply.length >= 4 ? reply.readUInt32LE(0) : done
            silent = received > done ? 0 : silent + 1
            if (silent > TRIES) throw this.lost(`it takes no more after ${done} of ${artifact.length} bytes`)
            // a board that was begun anew in between says so by having less
            done = received
            onProgress(done)
        }
        this.phaseBefore = PHASES[(await this.read("phase"))[0]]
        this.announced = undefined
        this.stopListening()
        this.stopListening = this.link.onFrame(frame => {
            for (const p of framePackets(frame))
                if (this.isFromBoard(p) && (p.command & EVENT_MASK) !== 0 && (p.command & 0xff) === CHANGED) this.announced = PHASES[p.data[0]]
        })
        this.send(COMMAND.commit, Buffer.alloc(0))
    }

    confirm(): void {
        this.send(COMMAND.confirm, Buffer.alloc(0))
    }

    rollback(): void {
        this.send(COMMAND.rollback, Buffer.alloc(0))
    }

    erase(slot: "A" | "B"): void {
        this.send(COMMAND.erase, Buffer.of(SLOTS.indexOf(slot)))
    }

    cancel(): void {
        this.send(COMMAND.cancel, Buffer.alloc(0))
    }

    /** Watches until the update has ended. */
    async waitForEnd(timeoutMs: number, onPhase: (phase: BoardPhase) => void = () => {}): Promise<BoardState> {
        const endMs = performance.now() + timeoutMs
        let last: BoardPhase | undefined
        for (;;) {
            const now = PHASES[(await this.read("phase"))[0]]
            // until something has changed, it is the phase of the update before
            const phase = this.announced ?? (now === this.phaseBefore ? undefined : now)
            if (phase && phase !== last) onPhase(phase)
            last = phase
            if (phase === "confirmed" || phase === "rolledBack" || phase === "failed") return await this.state()
            if (performance.now() > endMs) throw new CliError("HOV_CLI_TIMEOUT", `${this.board.deviceId} is still ${now}`, EXIT.failed)
            await new Promise(resolve => setTimeout(resolve, POLL_MS))
        }
    }

    private async read(register: keyof typeof REGISTER): Promise<Buffer> {
        const command = GET | REGISTER[register]
        for (let i = 0; i < TRIES; i++) {
            const data = await this.ask(command, command, Buffer.alloc(0))
            if (data) return data
        }
        throw this.lost("no answer")
    }

    private send(command: number, data: Uint8Array): void {
        this.link.send(commandFrame(this.board.deviceId, this.board.serviceIndex, command, data))
    }

    /** The data of the report, or undefined when none came in time. */
    private ask(command: number, report: number, data: Uint8Array): Promise<Buffer | undefined> {
        return reply(this.link, REPLY_MS, () => this.send(command, data), p => this.isFromBoard(p) && p.command === report)
    }

    private isFromBoard(p: Packet): boolean {
        return !p.isCommand && p.deviceId === this.board.deviceId && p.serviceIndex === this.board.serviceIndex
    }

    private lost(what: string): CliError {
        return new CliError("HOV_CLI_UNREACHABLE", `board ${this.board.deviceId} on the bus: ${what}`, EXIT.unreachable)
    }
}

function bank(data: Buffer): BankOnBoard {
    return {
        status: (["empty", "trial", "confirmed", "bad"] as const)[data[4]],
        attempts: data[5],
        sequence: data.readUInt32LE(0),
        version: text(data.subarray(6)),
    }
}
