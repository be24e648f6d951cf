/** The threats that RFC 9124 lists against a manifest, one test each, on a board: all is rightly signed unless the test says not. */
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { Board } from "../sim/index.ts"
import { encodeStatement } from "../toolchain/format/statement.ts"
import { DeviceBench, type UpdateOptions } from "./support/device-bench.ts"
import { PLAIN_BASE_ID, plainImage } from "./support/plain-image.ts"

const test = suite("the rules for a manifest, on a board")
const RUNNING = 20
const ISSUED_AT = 1_800_000_000
let bench: DeviceBench
let board: Board
/** What the board ran before. */
let earlier: Command

/** One board for all of them: what it refuses must not change it. */
test.before(async () => {
    bench = await DeviceBench.open()
    board = await bench.started()
    earlier = update(RUNNING - 1)
    bench.server.give(earlier)
    await board.waitForLine(/HOV persisted slot=A v=1\.19\.0/, 8000)
    bench.server.give(update(RUNNING))
    await board.waitForLine(/HOV persisted slot=B v=1\.20\.0/, 8000)
})
test.after(() => bench?.close())

type Command = ReturnType<DeviceBench["update"]>

function update(sequence: number, change: Partial<UpdateOptions> = {}, image = plainImage({ sequence })): Command {
    return bench.update(image, { sequence, ...change })
}

async function isRefused(command: Command, code: string): Promise<void> {
    bench.server.give(command)
    const status = await bench.server.waitForStatus(s => s.id === command.id && ["failed", "confirmed"].includes(s.state), 10_000)
    // Whatever it was given, the board goes on with what it ran.
    assert.equal([status.state, status.code, status.v, status.seq], ["failed", code, `1.${RUNNING}.0`, RUNNING])
}

const flip = (bytes: Buffer): Buffer => {
    const changed = Buffer.from(bytes)
    changed[bytes.length >> 1] ^= 0x10
    return changed
}

test("wrong vendor or class: an update for another product is refused", () => isRefused(update(30, { manifest: { productId: 7 } }), "HOV_MANIFEST_PRODUCT"))

test("wrong base: an update for another base is refused", () => isRefused(update(30, { manifest: { baseId: "0123456789abcdef" } }), "HOV_MANIFEST_BASE"))

test("older sequence: an update from before what runs is refused", () => isRefused(update(RUNNING - 3), "HOV_MANIFEST_SEQUENCE"))

test("replayed: an update that once went well is refused when it is given again", () => isRefused({ ...earlier, id: "replayed" }, "HOV_MANIFEST_SEQUENCE"))

test("truncated: a signature that ends early is refused, and so is a manifest", async () => {
    await isRefused(update(30, { spoilSignature: bytes => bytes.subarray(0, 700) }), "HOV_SIGNATURE")
    const whole = update(30)
    await isRefused({ ...whole, id: "short", m: whole.m.slice(0, -2) }, "HOV_MANIFEST_SIZE")
})

test("truncated: an image that ends early never runs", async () => {
    const one = update(30)
    bench.server.intercept = (request, response) => {
        const url = new URL(request.url ?? "/", bench.server.url)
        const isRest = url.pathname.endsWith(one.img) && Number(url.searchParams.get("offset")) + Number(url.searchParams.get("length")) > 300
        // as the real server answers about bytes that are not there
        if (isRest) response.writeHead(416, { "Content-Length": 2 }).end("{}")
        return isRest
    }
    await isRefused(one, "HOV_HTTP_416")
    bench.server.intercept = () => false
})

test("oversize: an image over the board's budget is refused before a byte of it is fetched", () =>
    isRefused({ ...update(30, { manifest: { imageSizeBytes: 9000 } }), len: 400 }, "HOV_MANIFEST_TOO_LARGE"))

test("oversize: a manifest that is longer is refused", () => {
    const one = update(30)
    return isRefused({ ...one, m: `${one.m}00` }, "HOV_MANIFEST_SIZE")
})

test("mix-and-match: the image of another update under a genuine manifest is refused", async () => {
    const [one, other] = [update(30), update(31)]
    await isRefused({ ...one, id: "mixed-name", img: other.img }, "HOV_MANIFEST_IMAGE")
    await isRefused(update(32, { spoilImage: () => plainImage({ sequence: 32 }) }), "HOV_IMAGE_DIGEST")
})

test("mix-and-match: a genuine manifest with the genuine signature of another is refused", () => {
    const [one, other] = [update(30), update(31)]
    return isRefused({ ...one, id: "mixed-signature", sig: other.sig }, "HOV_SIGNATURE")
})

test("unknown fields: a flag, or a byte without a meaning, that is set is refused though it is rightly signed", async () => {
    for (const [offset, code] of [[5, "HOV_MANIFEST_FLAGS"], [6, "HOV_MANIFEST_RESERVED"], [4, "HOV_MANIFEST_FORMAT"], [79, "HOV_MANIFEST_VERSION"]] as const) {
        const one = update(30)
        const bytes = Buffer.from(one.m, "hex")
        bytes[offset] = 0x40
        await isRefused({ ...one, ...bench.signBytes(bytes), id: `unknown-${offset}` }, code)
    }
})

test("a changed byte: a flipped bit in image, signature or manifest is refused", async () => {
    await isRefused(update(30, { spoilImage: flip }), "HOV_IMAGE_DIGEST")
    await isRefused(update(30, { spoilSignature: flip }), "HOV_SIGNATURE")
    const one = update(30)
    const bytes = Buffer.from(one.m, "hex")
    bytes.writeUInt32LE(99, 16)
    await isRefused({ ...one, id: "raised", m: bytes.toString("hex") }, "HOV_SIGNATURE")
})

test("expired: an update whose time was over when the signer last spoke is refused, without any clock on the board", async () => {
    await hears({ issuedAtUnixS: ISSUED_AT, notAfterUnixS: ISSUED_AT + 86_400 })
    await isRefused(update(30, { manifest: { notAfterUnixS: ISSUED_AT - 1 } }), "HOV_MANIFEST_EXPIRED")
})

test("freeze: a board that gets no news of the signer by the time that was signed learns that it is kept back", async () => {
    await hears({ issuedAtUnixS: ISSUED_AT + 1000, notAfterUnixS: ISSUED_AT + 1001 })
    await bench.server.waitForStatus(s => s.code === "HOV_FROZEN", 12_000)
})

async function hears(times: { issuedAtUnixS: number; notAfterUnixS: number }): Promise<void> {
    const line = board.waitForLine(/HOV statement code=/, 8000)
    bench.server.give({ fresh: bench.signBytes(encodeStatement({ kind: "fresh", baseId: PLAIN_BASE_ID, newestSequence: RUNNING, newestVersion: "1.20.0", ...times })) })
    assert.match(await line, /code=$/)
}

test.run()
