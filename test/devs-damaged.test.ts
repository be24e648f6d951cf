import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { parseDevs } from "../toolchain/devs/image.ts"
import { buildProgram } from "./support/build-program.ts"

test("a program whose table of strings or buffers points outside of the file is refused with a code", async () => {
    const { devs } = await buildProgram(`console.log("größer", hex\`0102\`)`)
    assert.ok(parseDevs(devs).utf8Strings.some(text => text.includes("größer")))
    const image = parseDevs(devs)
    for (const name of ["utf8Strings", "buffers"] as const) {
        const table = image.sections[name]
        assert.ok(table.length >= 4, name)
        for (const value of [0x0000_1000, 0x7fff_ffff, 0xffff_ffff]) {
            const damaged = Buffer.from(devs)
            damaged.writeUInt32LE(value, table.byteOffset - devs.byteOffset)
            assert.throws(() => parseDevs(damaged), (error: { code?: string }) => error.code === "HOV_DEVS_FORMAT", `${name} ${value}`)
        }
    }
})

test.run()
