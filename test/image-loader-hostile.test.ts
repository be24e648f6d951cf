import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { encodeImage } from "../toolchain/format/image.ts"
import { judgeImages } from "../scripts/fuzz/board.ts"

const test = suite("images that mean harm")

/** What a fuzzer finds seldom: each would end the program if the loader followed it. */
const hostile: Record<string, (base: Buffer) => Buffer> = {
    "a word of members of members of members": base => withBody(base, [0, 0, 0, 0, 0, 1, ...Array<number>(3000).fill(0xcb)]),
    "the most cells that a count can say": base => withBody(base, [0, 0, 0xd0, 0x0f, 0, 0, 0, 0, 0]),
    "the most tokens that a count can say": base => withBody(base, [0, 0, 0, 0xd0, 0x0f, 0, 0, 0, 0]),
    "cells and tokens without end": base => withBody(base, [0, 0, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0, 0]),
    "two thousand empty strings and buffers": base => withBody(base, [0xd0, 0x0f, ...Array<number>(2000).fill(0), 0xd0, 0x0f, ...Array<number>(2000).fill(0), 0, 0, 0, 0, 0, 0]),
    "a thousand functions without a word": base => withBody(base, [0, 0, 0, 0, 0xe8, 0x07, ...Array<number>(4000).fill(0)]),
    "a function that is its own word": base => withBody(base, [0, 0, 0, 0, 1, 2, 1, 0, 0, 0xc8, 0, 0, 0, 0, 0]),
    "a static far beyond the base's own": base => withBody(base, [0, 0, 0, 0, 1, 2, 1, 0, 0, 0xc5, 0x80, 0x80, 0x02, 0, 0, 0, 0]),
    "a host that there is not": base => withBody(base, [0, 0, 0, 0, 1, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]),
}

function withBody(base: Buffer, body: number[]): Buffer {
    const image = Buffer.concat([base.subarray(0, 32), Buffer.from(body)])
    image.writeUInt32LE(image.length, 20)
    return image
}

test("each is refused with a code or loaded, and the program goes on", async () => {
    const verdicts = await judgeImages(baseId =>
        Object.values(hostile).map(make => make(Buffer.from(encodeImage({ baseId, sequence: 1, budget: 100, strings: [], buffers: [], cells: 0, tokens: 0, functions: [], rules: [] } as never)))),
    )
    const names = Object.keys(hostile)
    verdicts.forEach((verdict, i) => {
        console.log(`${names[i]}: ${typeof verdict === "string" ? verdict : Object.keys(verdict)[0]}`)
    })
    for (const [i, verdict] of verdicts.entries()) if (typeof verdict === "string") assert.unreachable(`${names[i]}: ${verdict}`)
    assert.equal(verdicts[names.indexOf("a static far beyond the base's own")], { HOV_IMAGE_FORMAT: 1 })
})

test.run()
