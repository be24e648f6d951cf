/**
 * One program on its way into a board, as a state machine without a network: `start()` and `take(reply)` give the
 * commands to send next.
 *
 * ```
 *  hash? ─▶ as wanted: done
 *        └▶ start(size) ─▶ write, write, … (a window of them without an acknowledgement) ─▶ finish ─▶ hash? ─▶ done
 * ```
 * A board keeps nothing of a deploy that was cut: it begins again from the first block. Its old program has stopped
 * by then, so there is nothing to save, and 16 KB are 80 blocks.
 */
import { createHash } from "node:crypto"

export const Wssk = { error: 0xff, pingDevice: 0x91, pingCloud: 0x92, getHash: 0x93, deployStart: 0x94, deployWrite: 0x95, deployFinish: 0x96 } as const

/** The largest multiple of 32 that fits the adapter's buffer of 270 bytes with its frame. */
export const BLOCK_BYTES = 224
/** Blocks under way: the next are on the wire while the board writes one to flash. 3.7 KB are less than a board's TCP window. */
const WINDOW = 16

export type DeployState = "asking" | "starting" | "writing" | "finishing" | "checking" | "done" | "failed"

export interface DeployResult {
    /** Commands to send, in order. */
    readonly send: readonly Uint8Array[]
}

export class Deploy {
    readonly #program: Uint8Array
    readonly #digest: string
    #state: DeployState = "asking"
    #sentBytes = 0
    #waiting = 0
    #failure = ""
    #wasThere = false

    /** @param program a multiple of 32 bytes */
    constructor(program: Uint8Array) {
        this.#program = program
        this.#digest = createHash("sha256").update(program).digest("hex")
    }

    get state(): DeployState {
        return this.#state
    }

    /** Why it failed. */
    get failure(): string {
        return this.#failure
    }

    /** The board had it already: its program never stopped. */
    get wasThere(): boolean {
        return this.#wasThere
    }

    get doneBytes(): number {
        return Math.max(0, this.#sentBytes - this.#waiting * BLOCK_BYTES)
    }

    start(): DeployResult {
        return { send: [Buffer.of(Wssk.getHash)] }
    }

    /** The board's next message, its command first. What has nothing to do with the deploy is passed over. */
    take(reply: Uint8Array): DeployResult {
        const [command] = reply
        if (command === Wssk.error) return this.#fail(`the board refused ${this.#state === "starting" ? `a program of ${this.#program.length} bytes` : `a command while ${this.#state}`}`)
        switch (this.#state) {
            case "asking":
            case "checking":
                return command === Wssk.getHash ? this.#takeHash(Buffer.from(reply.subarray(1)).toString("hex")) : nothing
            case "starting":
                if (command !== Wssk.deployStart) return nothing
                this.#state = "writing"
                return this.#fill()
            case "writing":
                if (command !== Wssk.deployWrite) return nothing
                this.#waiting--
                return this.#fill()
            case "finishing":
                if (command !== Wssk.deployFinish) return nothing
                this.#state = "checking"
                return this.start()
            default:
                return nothing
        }
    }

    #takeHash(digest: string): DeployResult {
        if (digest === this.#digest) {
            this.#wasThere = this.#state === "asking"
            this.#state = "done"
            return nothing
        }
        if (this.#state === "checking") return this.#fail(`the board has ${digest.slice(0, 16)} after it was given ${this.#digest.slice(0, 16)}`)
        this.#state = "starting"
        const size = Buffer.alloc(5)
        size[0] = Wssk.deployStart
        size.writeUInt32LE(this.#program.length, 1)
        return { send: [size] }
    }

    #fill(): DeployResult {
        const send: Uint8Array[] = []
        while (this.#waiting < WINDOW && this.#sentBytes < this.#program.length) {
            const block = this.#program.subarray(this.#sentBytes, this.#sentBytes + BLOCK_BYTES)
            send.push(Buffer.concat([Buffer.of(Wssk.deployWrite), block]))
            this.#sentBytes += block.length
            this.#waiting++
        }
        if (this.#waiting > 0) return { send }
        this.#state = "finishing"
        return { send: [Buffer.of(Wssk.deployFinish)] }
    }

    #fail(why: string): DeployResult {
        this.#state = "failed"
        this.#failure = why
        return nothing
    }
}

const nothing: DeployResult = { send: [] }
