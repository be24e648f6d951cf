import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { createBoard } from "../sim/index.ts"
import { powerFirmware } from "../scripts/power/firmware.ts"
import { PowerRun } from "../scripts/power/power-run.ts"
import { factoryFlash } from "../scripts/power/scenarios.ts"
import { DEED } from "./support/plain-image.ts"

const test = suite("what no program can catch")
let program: Uint8Array

test.before(async () => {
    program = await powerFirmware()
})

async function boardOn(first: number): Promise<PowerRun> {
    const run = new PowerRun(await createBoard({ deviceId: "12abdd2289421234", program, flash: factoryFlash("esp32"), skipSleeps: true }))
    run.give([{ sequence: 1, sizeBytes: 300, deed: DEED.nothing }, { sequence: 2, sizeBytes: 300, deed: first }])
    return run
}

for (const [what, deed] of [
    ["running out of memory", DEED.outOfMemory],
    ["calls without an end", DEED.stackOverflow],
    ["a loop without an end", DEED.hang],
] as const)
    test(`${what} on trial is counted, reported and gives way to the version before`, async () => {
        const run = await boardOn(deed)
        const { board } = run
        try {
            await run.on()
            await board.waitForLine(/HOV swap v=1\.2\.0/, 10_000)
            await board.waitForLine(/HOV boot slot=A v=1\.1\.0 seq=1 cause=panic/, 20_000)
            await board.waitForLine(/HOV state state=rolledBack .*code=HOV_TRIAL_PANIC/, 5000)
            const diag = board.flash.setting("hDiag") as Record<string, unknown>
            assert.is(diag.code, "HOV_TRIAL_PANIC")
            assert.is(diag.v, "1.1.0")
            assert.is(diag.bank, "A")
            assert.equal(diag.n, [0, 1])
            assert.match(String(diag.img), /^[0-9a-f]{8}$/)
            // the driver gives it again after the restart
            await board.waitForLine(/HOV state state=failed .*code=HOV_IMAGE_BAD/, 10_000)
        } finally {
            await board.close()
        }
    })

test("code on trial that starves the main loop is called back, though nothing throws", async () => {
    const run = await boardOn(DEED.starve)
    try {
        await run.on()
        await run.board.waitForLine(/HOV swap v=1\.2\.0/, 10_000)
        await run.board.waitForLine(/HOV rolledback slot=A v=1\.1\.0/, 20_000)
        await run.board.waitForLine(/HOV state state=rolledBack .*code=HOV_TRIAL_HANG/, 5000)
    } finally {
        await run.board.close()
    }
})

test.run()
