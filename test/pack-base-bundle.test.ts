import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { baseBundle, type BaseBundle, encodeBaseBundle, readBaseBundle } from "../toolchain/pack/base-bundle.ts"
import { patchable } from "./support/replaced-program.ts"

const test = suite("base bundle")

let bundle: BaseBundle
let text: string

test.before(async () => {
    const { base } = await patchable(`function twice(x: number) {\n    return 2 * x\n}\nconsole.log("v", twice(21))\n`)
    bundle = baseBundle(base.program, "1.2.3")
    text = encodeBaseBundle(bundle)
})

function codeOf(changed: string): string {
    try {
        readBaseBundle(changed)
        return "read"
    } catch (e) {
        return (e as { code?: string }).code ?? String(e)
    }
}

const edited = (change: (content: any) => void): string => {
    const content = JSON.parse(text)
    change(content)
    return JSON.stringify(content)
}

test("what is read links to the same base, byte for byte", () => {
    const read = readBaseBundle(text)
    assert.equal(Buffer.from(read.linked.file), Buffer.from(bundle.linked.file))
    assert.equal([read.version, read.baseId], ["1.2.3", bundle.baseId])
    assert.equal(read.linked.debug, bundle.linked.debug)
    assert.equal(read.linked.hosts, bundle.linked.hosts)
    assert.is(encodeBaseBundle(read), text)
})

test("a bundle holds no secret and no place of the machine that made it", () => {
    assert.not.match(text, new RegExp(process.cwd()))
})

test("what is no bundle is said to be none", () => {
    for (const other of ["", "{}", "[]", "null", '{"format":"handover-image-map"}', text.slice(0, text.length / 2), "\0\0"]) assert.is(codeOf(other), "HOV_BUNDLE_FORMAT")
    assert.is(codeOf(edited(c => delete c.debug)), "HOV_BUNDLE_FORMAT")
    assert.is(codeOf(edited(c => (c.trustedKeys = ["00"]))), "HOV_BUNDLE_FORMAT")
})

test("a later format is named, and so is who wrote it", () => {
    assert.is(codeOf(edited(c => (c.formatVersion = 2))), "HOV_BUNDLE_VERSION")
})

test("damage is found", () => {
    const flip = (base64: string) => {
        const bytes = Buffer.from(base64, "base64")
        bytes[bytes.length >> 1] ^= 1
        return bytes.toString("base64")
    }
    assert.is(codeOf(edited(c => (c.program = flip(c.program)))), "HOV_BUNDLE_DAMAGED")
    assert.is(codeOf(edited(c => (c.debug = flip(c.debug)))), "HOV_BUNDLE_DAMAGED")
    assert.is(codeOf(edited(c => (c.baseId = "0000000000000000"))), "HOV_BUNDLE_DAMAGED")
})

test("a toolchain that links otherwise than the one that made the base is refused", () => {
    assert.is(codeOf(edited(c => (c.linkedSha256 = "0".repeat(64)))), "HOV_BUNDLE_TOOLCHAIN")
    assert.is(codeOf(edited(c => (c.version = "1.2.4"))), "HOV_BUNDLE_TOOLCHAIN")
})

test.run()
