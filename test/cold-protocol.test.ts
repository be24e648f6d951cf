/** The server's half of the native adapter's protocol, and the file of a cold release: no board, no network. */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto"
import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { boardSeed, WsskChannel } from "../cloud/wssk/channel.ts"
import { BLOCK_BYTES, Deploy, Wssk } from "../cloud/wssk/deploy.ts"
import { checkColdImage, type ColdImageError, encodeColdImage, parseColdImage } from "../toolchain/format/cold-image.ts"

/** The board's half, in the words of the runtime's source. */
class BoardHalf {
    #sent = 0
    #received = 0
    constructor(private readonly key: Buffer) {}

    static from(master: Buffer, seed: Buffer, hello: Buffer): BoardHalf {
        assert.is(hello.readUInt32LE(0), 0xcee428ca)
        assert.is(hello.readUInt32LE(4), 2)
        return new BoardHalf(Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), Buffer.concat([seed, hello.subarray(8)]), 32)))
    }

    send(text: Uint8Array): Buffer {
        const cipher = createCipheriv("aes-256-ccm", this.key, nonce(1, this.#sent++), { authTagLength: 4 })
        return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
    }

    receive(message: Buffer): Buffer {
        const decipher = createDecipheriv("aes-256-ccm", this.key, nonce(2, this.#received++), { authTagLength: 4 })
        decipher.setAuthTag(message.subarray(-4))
        const text = decipher.update(message.subarray(0, -4))
        decipher.final()
        return text
    }
}

function nonce(first: number, count: number): Buffer {
    const bytes = Buffer.alloc(13)
    bytes[0] = first
    bytes.writeUIntBE(count, 7, 6)
    return bytes
}

function channel(key = randomBytes(32)) {
    const seed = randomBytes(16)
    const server = new WsskChannel(key, seed)
    return { server, board: BoardHalf.from(key, seed, server.hello) }
}

test("both sides prove the key, and then understand each other in both directions", () => {
    const { server, board } = channel()
    const proof = server.prove(board.send(Buffer.alloc(32)))
    assert.ok(proof)
    assert.equal(board.receive(proof), Buffer.alloc(32))
    for (let i = 0; i < 300; i++) {
        assert.equal(server.open(board.send(Buffer.from([i & 255, 1, 2]))), Buffer.from([i & 255, 1, 2]))
        assert.equal(board.receive(server.seal(Buffer.from([9, i & 255]))), Buffer.from([9, i & 255]))
    }
})

test("another key, a proof that is none, a message again, a message left out and a changed one are not taken", () => {
    const seed = randomBytes(16)
    const stranger = new WsskChannel(randomBytes(32), seed)
    assert.is(stranger.prove(BoardHalf.from(randomBytes(32), seed, stranger.hello).send(Buffer.alloc(32))), undefined)
    const short = channel()
    assert.is(short.server.prove(short.board.send(Buffer.alloc(31))), undefined)
    const changed = channel()
    const wrong = changed.board.send(Buffer.alloc(32))
    wrong[3] ^= 1
    assert.is(changed.server.prove(wrong), undefined)

    const again = channel()
    const first = again.board.send(Buffer.alloc(32))
    assert.ok(again.server.prove(first))
    assert.is(again.server.open(first), undefined)
    const gap = channel()
    assert.ok(gap.server.prove(gap.board.send(Buffer.alloc(32))))
    gap.board.send(Buffer.of(1))
    assert.is(gap.server.open(gap.board.send(Buffer.of(2))), undefined)
    assert.is(gap.server.open(Buffer.of(1, 2)), undefined)
})

test("only the adapter's subprotocol is one", () => {
    assert.equal(boardSeed(`devs-key-${"ab".repeat(16)}`), Buffer.alloc(16, 0xab))
    for (const other of [undefined, "", "devs-key-", `devs-key-${"ab".repeat(15)}`, `devs-key-${"AB".repeat(16)}`, `x devs-key-${"ab".repeat(16)}`]) assert.is(boardSeed(other), undefined)
})

/** A board's flash, as the runtime treats it. */
function receiver(before: Uint8Array) {
    let flash = Buffer.from(before)
    let size = 0
    const log: number[] = []
    const answer = (command: Uint8Array): Buffer => {
        log.push(command[0])
        switch (command[0]) {
            case Wssk.getHash:
                return Buffer.concat([Buffer.of(Wssk.getHash), createHash("sha256").update(flash).digest()])
            case Wssk.deployStart:
                size = Buffer.from(command).readUInt32LE(1)
                flash = Buffer.alloc(0)
                return Buffer.of(size % 32 === 0 ? Wssk.deployStart : Wssk.error)
            case Wssk.deployWrite:
                if ((command.length - 1) % 32 !== 0 || flash.length + command.length - 1 > size) return Buffer.of(Wssk.error)
                flash = Buffer.concat([flash, command.subarray(1)])
                return Buffer.of(Wssk.deployWrite)
            default:
                return Buffer.of(flash.length === size ? Wssk.deployFinish : Wssk.error)
        }
    }
    return { answer, log, get flash() { return flash }, spoil: () => (flash = Buffer.concat([flash.subarray(0, -1), Buffer.of(~flash[flash.length - 1] & 255)])) }
}

function carry(deploy: Deploy, board: ReturnType<typeof receiver>, between: (command: Uint8Array) => void = () => undefined): void {
    const wire = [...deploy.start().send]
    let under = 0
    for (let command = wire.shift(); command; command = wire.shift()) {
        between(command)
        under = Math.max(under, wire.length + 1)
        wire.push(...deploy.take(board.answer(command)).send)
    }
    assert.ok(under <= 16, `${under} blocks at once`)
}

for (const blocks of [1, 2, 5, 17, 80])
    test(`a program of ${blocks} blocks comes whole, in order, and its hash is asked for at the end`, () => {
        const program = randomBytes(blocks * BLOCK_BYTES - 32)
        const board = receiver(randomBytes(64))
        const deploy = new Deploy(program)
        carry(deploy, board)
        assert.is(deploy.state, "done")
        assert.not(deploy.wasThere)
        assert.equal(board.flash, program)
        assert.equal([board.log[0], board.log[1], board.log.at(-2), board.log.at(-1)], [Wssk.getHash, Wssk.deployStart, Wssk.deployFinish, Wssk.getHash])
    })

test("what is there already is not written again", () => {
    const program = randomBytes(640)
    const board = receiver(program)
    const deploy = new Deploy(program)
    carry(deploy, board)
    assert.equal([deploy.state, deploy.wasThere, board.log], ["done", true, [Wssk.getHash]])
})

test("a refusal, and a hash that is not the program's at the end, are failures", () => {
    const odd = new Deploy(randomBytes(33))
    carry(odd, receiver(randomBytes(32)))
    assert.is(odd.state, "failed")
    const board = receiver(randomBytes(32))
    const deploy = new Deploy(randomBytes(640))
    carry(deploy, board, command => {
        if (command[0] === Wssk.deployFinish) board.spoil()
    })
    assert.is(deploy.state, "failed")
    assert.match(deploy.failure, /after it was given/)
})

const base = (id: string, product = 0, parts: readonly string[] = ["HANDOVER-KEYS-01", "HOV-COLD-1"]) => {
    const keys = Buffer.alloc(124)
    keys.writeUInt32LE(product, 120)
    return Buffer.concat([Buffer.from("446576530a6e29f1", "hex"), randomBytes(50), ...parts.map(part => (part === "HANDOVER-KEYS-01" ? Buffer.concat([Buffer.from(part), keys]) : Buffer.from(part))), Buffer.from(id, "hex"), randomBytes(20)])
}
const [OLD, NEW] = ["0011223344556677", "8899aabbccddeeff"]
const cold = (change: object = {}) => ({ baseId: NEW, previousBaseId: OLD, program: base(NEW), previousProgram: base(OLD), ...change })

test("a cold release is read as it was written, filled up to blocks of 32", () => {
    const image = cold()
    const read = parseColdImage(encodeColdImage(image, 0))
    assert.equal([read.baseId, read.previousBaseId], [NEW, OLD])
    assert.is(read.program.length % 32, 0)
    assert.equal(Buffer.from(read.program.subarray(0, image.program.length)), image.program)
    assert.ok(read.program.subarray(image.program.length).every(byte => byte === 0))
})

const REFUSED: [what: string, image: object, code: string][] = [
    ["a base without a resident", { program: base(NEW, 0, ["HOV-COLD-1"]) }, "HOV_COLD_NO_RESIDENT"],
    ["a base that cannot take the next one", { program: base(NEW, 0, ["HANDOVER-KEYS-01"]) }, "HOV_COLD_NO_RESIDENT"],
    ["a base before without a resident", { previousProgram: base(OLD, 0, []) }, "HOV_COLD_NO_RESIDENT"],
    ["a base whose id is not in it", { program: base("1111111111111111") }, "HOV_COLD_NO_RESIDENT"],
    ["a base for another chip or class", { program: base(NEW, 7) }, "HOV_COLD_PRODUCT"],
    ["what is no program", { program: randomBytes(640) }, "HOV_COLD_FORMAT"],
    ["the same base again", { baseId: OLD, program: base(OLD) }, "HOV_COLD_BASE"],
]
for (const [what, change, code] of REFUSED)
    test(`${what} is refused when a cold release is built`, () => assert.throws(() => encodeColdImage(cold(change), 0), (error: ColdImageError) => error.code === code))

test("a cold release for another base, cut or longer, is refused when it is read", () => {
    const bytes = encodeColdImage(cold(), 0)
    assert.throws(() => checkColdImage(parseColdImage(bytes), "ffffffffffffffff", 0), (error: ColdImageError) => error.code === "HOV_COLD_BASE")
    for (let size = 0; size < bytes.length; size += 7) assert.throws(() => parseColdImage(bytes.subarray(0, size)), (error: ColdImageError) => error.code === "HOV_COLD_FORMAT")
    assert.throws(() => parseColdImage(Buffer.concat([bytes, Buffer.alloc(32)])), (error: ColdImageError) => error.code === "HOV_COLD_FORMAT")
})

test.run()
