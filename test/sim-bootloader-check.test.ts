import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { checkStart } from "../sim/bootloader-check.ts"
import { BootloaderWatch } from "../sim/bootloader-watch.ts"
import { emptyFlash, writeSettings } from "../sim/index.ts"
import type { FlashOperation } from "../sim/nor-flash.ts"

const test = suite("the checker of the bootloader's promises")

const flashWith = (settings: Record<string, Uint8Array | number>) => {
    const flash = emptyFlash("rp2040")
    writeSettings(flash, { hLog: 1, ...settings })
    return flash
}

/** All that came to the log, as one operation of the chip. */
const became = (after: Uint8Array): FlashOperation => ({ number: 1, kind: "program", offset: 0, sizeBytes: 8192, bytes: after.slice(0, 8192), tMs: 0 })

test("finds an image that runs from RAM before the record names it", () => {
    const watch = new BootloaderWatch(flashWith({}))
    watch.line("> plain active=1 reason=hot sum=0badc0de trial=true")
    assert.equal(watch.findings.map(f => f.promise), [7])
})

test("finds a write to the bank that runs, and none to the other", () => {
    const flash = flashWith({})
    const watch = new BootloaderWatch(flash)
    watch.line("> HOV boot slot=A v=1.1.0 seq=1 cause=power store=true ms=20")
    writeSettings(flash, { hB0: new Uint8Array(8) })
    watch.operation(became(flash))
    assert.equal([watch.findings.length, watch.writes], [0, 1])
    writeSettings(flash, { hA0: new Uint8Array(8) })
    watch.operation(became(flash))
    assert.equal([watch.findings.map(f => f.promise), watch.writes], [[8], 2])
})

test("finds a bank that runs without a record, and an R that came late", () => {
    const flash = flashWith({})
    assert.ok(checkStart(flash, flash, "> HOV boot slot=A v=1.1.0 seq=1 cause=power store=true ms=20").some(f => f.promise === 1))
    assert.ok(checkStart(flash, flash, "> HOV boot slot=R v=1.0.0 seq=0 cause=power store=false ms=2400").some(f => f.promise === 1))
    assert.equal(checkStart(flash, flash, "> HOV boot slot=R v=1.0.0 seq=0 cause=power store=false ms=1800"), [])
})

test.run()
