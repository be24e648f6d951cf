import { createHash, randomBytes } from "node:crypto"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { Board } from "../sim/index.ts"
import { encodeManifest } from "../toolchain/format/manifest.ts"
import { encodeStatement } from "../toolchain/format/statement.ts"
import type { Freshness } from "../toolchain/format/statement.ts"
import { generateLmsKey } from "../toolchain/sign/lms-keygen.ts"
import { lmsParameters } from "../toolchain/sign/lms-parameters.ts"
import { type LmsPrivateKey, lmsPublicKey, lmsSign } from "../toolchain/sign/lms-sign.ts"
import { hssPublicKey, hssSignature } from "../toolchain/sign/lms-verify.ts"
import { patchTrustedKeys } from "../toolchain/sign/patch-trusted-keys.ts"
import { DeviceBench } from "./support/device-bench.ts"
import { PLAIN_BASE_ID, plainImage } from "./support/plain-image.ts"

const test = suite("statements of the signer on a board")
const ISSUED_AT = 1_800_000_000
let bench: DeviceBench
let daily: LmsPrivateKey
let spare: LmsPrivateKey
let program: Uint8Array
let leaf = 0
let commands = 0

test.before(async () => {
    bench = await DeviceBench.open()
    // a digest that begins with a number of 2^31 or more: the VM calls such a number falsy
    do daily = await generateLmsKey(lmsParameters(5, 4), { processes: 1 })
    while (createHash("sha256").update(publicKey(daily)).digest()[3] < 0x80)
    spare = await generateLmsKey(lmsParameters(5, 4), { processes: 1 })
    program = patchTrustedKeys(bench.program, [publicKey(daily), publicKey(spare)])
})
test.after.each(async () => {
    await Promise.all(bench.boards.splice(0).map(board => board.close()))
    bench.server.reset()
})
test.after(() => bench?.close())

const publicKey = (key: LmsPrivateKey) => hssPublicKey(lmsPublicKey(key))
const sign = (key: LmsPrivateKey, message: Uint8Array) => Buffer.from(hssSignature(lmsSign(key, leaf++, randomBytes(32), message)))

function signed(key: LmsPrivateKey, bytes: Uint8Array, spoil = false) {
    const signature = sign(key, bytes)
    if (spoil) signature[700] ^= 1
    return { m: Buffer.from(bytes).toString("hex"), sig: bench.server.addBlob(signature), sigLen: signature.length }
}

function fresh(change: Partial<Freshness> = {}, spoil = false) {
    const statement: Freshness = {
        kind: "fresh",
        baseId: PLAIN_BASE_ID,
        newestSequence: 0,
        newestVersion: "1.0.0",
        issuedAtUnixS: ISSUED_AT,
        notAfterUnixS: ISSUED_AT + 86_400,
        ...change,
    }
    return { fresh: signed(daily, encodeStatement(statement), spoil) }
}

function revoke(by: LmsPrivateKey, revoked: LmsPrivateKey, spoil = false) {
    const keyDigest = createHash("sha256").update(publicKey(revoked)).digest("hex")
    return { revoke: signed(by, encodeStatement({ kind: "revoke", keyDigest }), spoil) }
}

function update(key: LmsPrivateKey, sequence: number, notAfterUnixS = 0) {
    const image = plainImage({ sequence })
    const img = createHash("sha256").update(image).digest("hex")
    const manifest = encodeManifest({
        baseId: PLAIN_BASE_ID,
        sequence,
        imageSizeBytes: image.length,
        productId: 0,
        notAfterUnixS,
        imageDigest: img,
        version: `1.${sequence}.0`,
        downgradeAllowed: false,
        cold: false,
    })
    bench.server.addBlob(image)
    return { cmd: "update", id: `s${++commands}`, v: `1.${sequence}.0`, ...signed(key, manifest), img, len: image.length }
}

async function said(board: Board, answer: object, code: string) {
    const line = board.waitForLine(/HOV statement code=/, 5000)
    bench.server.give(answer)
    assert.match(await line, new RegExp(`code=${code}$`))
}

async function ends(command: { id: string }, state: string, code: string | undefined) {
    bench.server.give(command)
    const status = await bench.server.waitForStatus(s => s.id === command.id && ["failed", "confirmed"].includes(s.state), 8000)
    assert.is(status.state, state, status.code)
    assert.is(status.code, code)
}

test("freshness is taken from the signer only, for this base, and never an older one", async () => {
    const board = await bench.started({ program })
    await said(board, fresh({}, true), "HOV_SIGNATURE")
    await said(board, fresh({ baseId: "0123456789abcdef" }), "HOV_STATEMENT_BASE")
    await said(board, fresh(), "")
    await said(board, fresh({ issuedAtUnixS: ISSUED_AT - 1 }), "HOV_STATEMENT_OLD")
    await said(board, { fresh: { m: "00".repeat(80), sig: "00".repeat(32), sigLen: 100 } }, "HOV_STATEMENT")
    assert.is((await nextPoll()).fr, ISSUED_AT)
    await board.powerCycle()
    await board.waitForLine(/HOV start/, 8000)
    assert.is((await nextPoll()).fr, ISSUED_AT, "it is kept over a power cut")
})

async function nextPoll(): Promise<Record<string, unknown>> {
    const before = bench.server.actuals.length
    const deadline = performance.now() + 8000
    while (bench.server.actuals.length === before) {
        if (performance.now() > deadline) throw new Error("no poll")
        await new Promise(resolve => setTimeout(resolve, 20))
    }
    return bench.server.actuals[before]
}

test("an update that had expired when the newest statement was issued is refused, without any clock on the board", async () => {
    const board = await bench.started({ program })
    await said(board, fresh(), "")
    await ends(update(daily, 3, ISSUED_AT - 1), "failed", "HOV_MANIFEST_EXPIRED")
    await ends(update(daily, 3, ISSUED_AT + 600), "confirmed", undefined)
})

test("a board that gets no newer statement learns that it is kept back", async () => {
    const board = await bench.started({ program })
    await said(board, fresh({ notAfterUnixS: ISSUED_AT + 1 }), "")
    await board.waitForLine(/HOV frozen frozen=true/, 12_000)
    await bench.server.waitForStatus(s => s.code === "HOV_FROZEN", 8000)
    await said(board, fresh({ issuedAtUnixS: ISSUED_AT + 60 }), "")
    await board.waitForLine(/HOV frozen frozen=false/, 8000)
})

test("a board that gets statements but not the update they speak of learns it too", async () => {
    const board = await bench.started({ program })
    await said(board, fresh({ newestSequence: 9, notAfterUnixS: ISSUED_AT + 2 }), "")
    await said(board, fresh({ newestSequence: 9, issuedAtUnixS: ISSUED_AT + 1 }), "")
    await board.waitForLine(/HOV frozen frozen=true/, 12_000)
})

test("the key in the later slot revokes the earlier one, for ever; never the other way round", async () => {
    const board = await bench.started({ program })
    await said(board, revoke(daily, spare), "HOV_REVOKE_KEY")
    await said(board, revoke(daily, daily), "HOV_REVOKE_KEY")
    await said(board, revoke(spare, daily, true), "HOV_SIGNATURE")
    await ends(update(daily, 1), "confirmed", undefined)
    await said(board, revoke(spare, daily), "")
    const keyDigest = createHash("sha256").update(publicKey(daily)).digest("hex")
    assert.is((await nextPoll()).rv, keyDigest.slice(0, 8))
    await ends(update(daily, 2), "failed", "HOV_SIGNATURE")
    await board.powerCycle()
    await board.waitForLine(/HOV start/, 8000)
    await ends(update(daily, 2), "failed", "HOV_SIGNATURE")
    await ends(update(spare, 2), "confirmed", undefined)
})

test("a statement is never an update and an update never a statement", async () => {
    const board = await bench.started({ program })
    const command = update(daily, 1)
    await said(board, { fresh: { m: command.m, sig: command.sig, sigLen: command.sigLen } }, "HOV_STATEMENT")
    await ends({ ...command, ...fresh().fresh, id: "s-statement" } as typeof command, "failed", "HOV_MANIFEST_FLAGS")
})

test.run()
