import { readFileSync } from "node:fs"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { encodeManifest, parseManifest } from "../toolchain/format/manifest.ts"
import type { Manifest } from "../toolchain/format/manifest.ts"
import { buildProgram } from "./support/build-program.ts"

const test = suite("manifest on the board")
const vectors: {
    valid: { name: string; manifest: Manifest; bytes: string }[]
    refused: { name: string; code: string; bytes: string }[]
} = JSON.parse(readFileSync(new URL("./vectors/manifest.json", import.meta.url), "utf8"))
const files = { "manifest.ts": readFileSync(new URL("../src/dfu/manifest.ts", import.meta.url), "utf8") }

const SHOW = `
import * as ds from "@devicescript/core"
import { parseManifest, checkManifest, ManifestError } from "./manifest"
function show(bytes: Buffer) {
    try {
        const m = parseManifest(bytes)
        const flags = (m.downgradeAllowed ? 1 : 0) + (m.cold ? 2 : 0)
        const head = \`\${m.baseId} \${m.sequence} \${m.imageSizeBytes} \${m.productId}\`
        console.log(head, m.notAfterUnixS, flags, m.version, m.imageDigest.toString("hex"))
    } catch (e) {
        console.log((e as ManifestError).code)
    }
}
`

/** What the board is expected to print for these bytes: the host's own reading of them. */
function show(bytes: Uint8Array): string {
    try {
        const m = parseManifest(bytes)
        const flags = (m.downgradeAllowed ? 1 : 0) + (m.cold ? 2 : 0)
        return `${m.baseId} ${m.sequence} ${m.imageSizeBytes} ${m.productId} ${m.notAfterUnixS} ${flags} ${m.version} ${m.imageDigest}`
    } catch (error) {
        return (error as { code: string }).code
    }
}

async function printed(main: string): Promise<string[]> {
    const { devs } = await buildProgram(`${SHOW}${main}\nds.restart()`, { files })
    const { lines, panicCode } = await runProgram(devs)
    assert.is(panicCode, 0, lines.slice(-5).join("\n"))
    return lines.filter(line => line.startsWith("> ")).map(line => line.slice(2))
}

test("the board reads and refuses the golden vectors exactly as the host does", async () => {
    const all = [...vectors.valid, ...vectors.refused].map(({ bytes }) => bytes)
    const main = all.map(bytes => (bytes ? `show(hex\`${bytes}\`)` : "show(Buffer.alloc(0))")).join("\n")
    assert.equal(
        await printed(main),
        all.map(bytes => show(Buffer.from(bytes, "hex"))),
    )
})

test("the board reads or refuses every single-bit flip of a manifest exactly as the host does", async () => {
    for (const { bytes } of [vectors.valid[0], vectors.valid[2]]) {
        const lines = await printed(`
            const bytes = Buffer.from(hex\`${bytes}\`)
            for (let bit = 0; bit < 640; ++bit) {
                const mask = 1 << (bit & 7)
                bytes[bit >> 3] = bytes[bit >> 3] ^ mask
                show(bytes)
                bytes[bit >> 3] = bytes[bit >> 3] ^ mask
                await ds.sleep(1)
            }`)
        const flipped = Buffer.from(bytes, "hex")
        const expected = Array.from({ length: 640 }, (_, bit) => {
            flipped[bit >> 3] ^= 1 << (bit & 7)
            const line = show(flipped)
            flipped[bit >> 3] ^= 1 << (bit & 7)
            return line
        })
        assert.equal(lines, expected)
    }
})

const manifest: Manifest = { ...vectors.valid[0].manifest, sequence: 7, productId: 0xfeed0001, notAfterUnixS: 2_000_000_000 }
const board = `{ baseId: "0123456789abcdef", productId: 0xfeed0001, sequenceMin: 7, imageMaxBytes: 14, nowUnixS: 2000000000, coldAllowed: false }`

const rules: [name: string, manifest: Partial<Manifest>, board: string, expected: string][] = [
    ["an update at every limit is taken", {}, "", "ok"],
    ["another vendor's or class's update is refused", { productId: 0xfeed0002 }, "", "HOV_MANIFEST_PRODUCT"],
    ["an update for no product at all is refused", { productId: 0 }, "", "HOV_MANIFEST_PRODUCT"],
    ["another base's update is refused", { baseId: "0123456789abcdee" }, "", "HOV_MANIFEST_BASE"],
    ["an older sequence is refused", { sequence: 6 }, "", "HOV_MANIFEST_SEQUENCE"],
    ["a replay of what runs already is refused", {}, "board.sequenceMin = 8", "HOV_MANIFEST_SEQUENCE"],
    ["sequences above 2^31 keep their order", { sequence: 0xffff_ffff }, "board.sequenceMin = 0xfffffffe", "ok"],
    ["and an older one of them is refused", { sequence: 0xffff_fffd }, "board.sequenceMin = 0xfffffffe", "HOV_MANIFEST_SEQUENCE"],
    ["an older sequence is taken when the signer allows it", { sequence: 6, downgradeAllowed: true }, "", "ok"],
    ["an expired update is refused", {}, "board.nowUnixS = 2000000001", "HOV_MANIFEST_EXPIRED"],
    ["an update that expires after 2038 is refused after that", { notAfterUnixS: 2_300_000_000 }, "board.nowUnixS = 2300000001", "HOV_MANIFEST_EXPIRED"],
    ["an update that never expires is taken late", { notAfterUnixS: 0 }, "board.nowUnixS = 4000000000", "ok"],
    ["without a clock nothing is expired", { notAfterUnixS: 1 }, "board.nowUnixS = 0", "ok"],
    ["an image over the board's budget is refused", { imageSizeBytes: 15 }, "", "HOV_MANIFEST_TOO_LARGE"],
    ["a cold update is refused where it cannot be taken", { cold: true }, "", "HOV_MANIFEST_COLD"],
    ["a cold update may be larger than a bank", { cold: true, imageSizeBytes: 50_000 }, "board.coldAllowed = true", "ok"],
]

let verdicts: Promise<string[]> | undefined
rules.forEach(([name, change, , expected], index) => {
    test(name, async () => {
        verdicts ??= printed(
            rules
                .map(([, changed, boardChange], rule) => {
                    const bytes = Buffer.from(encodeManifest({ ...manifest, ...changed })).toString("hex")
                    return `function rule${rule}() {
                        const board = ${board}
                        ${boardChange}
                        try {
                            checkManifest(parseManifest(hex\`${bytes}\`), board)
                            console.log("ok")
                        } catch (e) { console.log((e as ManifestError).code) }
                    }
                    rule${rule}()`
                })
                .join("\n"),
        )
        assert.is((await verdicts)[index], expected, JSON.stringify(change))
    })
})

test.run()
