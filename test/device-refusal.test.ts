import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { DEED, plainImage } from "./support/plain-image.ts"

const test = suite("an update that a board must not take")
let bench: DeviceBench

benchFor(test, async () => (bench = await DeviceBench.open()))

const REFUSALS: [what: string, code: string, give: () => object][] = [
    ["with a flipped bit", "HOV_IMAGE_DIGEST", () => bench.update(plainImage({ sequence: 5 }), { sequence: 5, spoilImage: flipBit })],
    ["whose signature has a flipped bit", "HOV_SIGNATURE", () => bench.update(plainImage({ sequence: 5 }), { sequence: 5, spoilSignature: flipBit })],
    ["whose signature is cut short", "HOV_SIGNATURE", () => bench.update(plainImage({ sequence: 5 }), { sequence: 5, spoilSignature: b => b.subarray(0, 700) })],
    ["for another base", "HOV_MANIFEST_BASE", () => bench.update(plainImage({ sequence: 5 }), { sequence: 5, manifest: { baseId: "0123456789abcdef" } })],
    ["for another product", "HOV_MANIFEST_PRODUCT", () => bench.update(plainImage({ sequence: 5 }), { sequence: 5, manifest: { productId: 7 } })],
    ["that is not in the bank's format", "HOV_IMAGE_SIZE", () => bench.update(longer(plainImage({ sequence: 5 })), { sequence: 5 })],
    ["that the loader does not take", "HOV_IMAGE_LOAD", () => bench.update(plainImage({ sequence: 5, deed: DEED.refuseToLoad }), { sequence: 5 })],
    ["that is too large", "HOV_MANIFEST_TOO_LARGE", () => ({ ...bench.update(plainImage({ sequence: 5 }), { sequence: 5, manifest: { imageSizeBytes: 9000 } }), len: 400 })],
    ["whose command names another image", "HOV_MANIFEST_IMAGE", () => ({ ...bench.update(plainImage({ sequence: 5 }), { sequence: 5 }), img: "00".repeat(32) })],
    ["without a manifest", "HOV_MANIFEST_SIZE", () => ({ ...bench.update(plainImage({ sequence: 5 }), { sequence: 5 }), m: "" })],
    ["that the server does not have", "HOV_HTTP_404", () => ({ ...bench.update(plainImage({ sequence: 5 }), { sequence: 5 }), sig: "11".repeat(32) })],
]

test("an image that must not run is refused with a code, and the board goes on", async () => {
    const board = await bench.started()
    for (const [what, code, give] of REFUSALS) {
        const command = give() as { id: string }
        bench.server.give(command)
        const status = await bench.server.waitForStatus(s => s.id === command.id && s.state === "failed", 5000)
        assert.is(status.code, code, what)
        assert.is(status.v, "1.0.0", what)
    }
    bench.server.give(bench.update(plainImage({ sequence: 5 }), { sequence: 5 }))
    await board.waitForLine(/HOV persisted slot=A v=1\.5\.0/, 5000)
})

function flipBit(bytes: Buffer): Buffer {
    const flipped = Buffer.from(bytes)
    flipped[bytes.length >> 1] ^= 0x10
    return flipped
}

function longer(image: Buffer): Buffer {
    return Buffer.concat([image, Buffer.alloc(8)])
}

test.run()
