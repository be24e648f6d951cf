import { readFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { powerFirmware } from "../scripts/power/firmware.ts"
import { PowerRun } from "../scripts/power/power-run.ts"
import { factoryFlash } from "../scripts/power/scenarios.ts"
import { CHIPS, createBoard, writeSettings } from "../sim/index.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import { bankedBytes, budgetedChips, chipBudget, fixedBytes, gcsPer1000Updates, largestImageBytes, loggedBytes, updateWrites } from "../toolchain/format/budget.ts"
import type { UpdateCost } from "../cli/commands/budget.ts"
import { runCli } from "./support/cli.ts"
import { RefusedError } from "../toolchain/translate/refusal.ts"
import { patchableInProcess } from "./support/replaced-program.ts"

const test = suite("the budget of a chip's log")
const ROOT = join(import.meta.dirname, "..")

test("adds up: fixed values, the user's, both banks, and room for one more write", () => {
    for (const chip of budgetedChips) {
        const { logBankBytes, imageMaxBytes, userSettingsBytes } = chipBudget(chip)
        assert.is(logBankBytes, CHIPS[chip].logBankBytes)
        const used = fixedBytes + userSettingsBytes + 2 * bankedBytes(imageMaxBytes) + loggedBytes(215)
        assert.ok(used <= logBankBytes, `${chip}: ${used} of ${logBankBytes}`)
    }
})

test("says what the updater takes at most, and no update of 2 KB needs more than 16 writes", () => {
    const source = readFileSync(join(ROOT, "src/dfu/updater-state.ts"), "utf8")
    assert.is(Number(/IMAGE_MAX_BYTES = (\d+)/.exec(source)?.[1]), largestImageBytes)
    assert.is(updateWrites(1024), 7)
    assert.ok(updateWrites(2048) <= 16)
})

test("is the one in the documentation", () => {
    const text = readFileSync(join(ROOT, "docs/bootloader.md"), "utf8")
    for (const chip of budgetedChips) {
        const { logBankBytes, imageMaxBytes, userSettingsBytes } = chipBudget(chip)
        assert.match(text, new RegExp(`\\| ${chip} +\\| ${logBankBytes} +\\| ${imageMaxBytes} +\\| ${userSettingsBytes} +\\|`))
    }
})

test("is printed by a command, with what updates cost", async () => {
    const { code, json, stdout } = await runCli(["budget", "--json"])
    assert.is(code, 0, stdout)
    assert.equal(json.chips.map((c: { chip: string; imageMaxBytes: number }) => [c.chip, c.imageMaxBytes]), budgetedChips.map(chip => [chip, chipBudget(chip).imageMaxBytes]))
    for (const u of json.updates as UpdateCost[]) {
        assert.is(u.writes, updateWrites(u.imageBytes))
        assert.ok(u.gcsPer1000Updates > 0 && u.updates > 0, JSON.stringify(u))
    }
    const { stdout: text } = await runCli(["budget"])
    assert.match(text, /rp2040 +8192 +2432 +1024/)
})

test("is a limit for the builder: a larger image is refused with a code", () => {
    const { base } = patchableInProcess({ "program.ts": `export function f(x: number) { return x + 1 }\nconsole.log(f(2))\n` })
    const image = buildUpdate(base, base.program, { sequence: 1, replaceAll: true }).file
    assert.is(buildUpdate(base, base.program, { sequence: 1, replaceAll: true, imageMaxBytes: image.length }).file.length, image.length)
    assert.throws(
        () => buildUpdate(base, base.program, { sequence: 1, replaceAll: true, imageMaxBytes: image.length - 1 }),
        (e: Error) => e instanceof RefusedError && e.refusals[0].code === "HOV112",
    )
})

for (const chip of budgetedChips)
    test(`holds on ${chip}: with all of the user's room in use, the largest images go from bank to bank`, async () => {
        const { imageMaxBytes, userSettingsBytes } = chipBudget(chip)
        const flash = factoryFlash(chip)
        const valueBytes = 200
        for (let n = 0, left = userSettingsBytes; left >= loggedBytes(valueBytes); n++, left -= loggedBytes(valueBytes))
            writeSettings(flash, { [`user${n}`]: new Uint8Array(valueBytes).fill(n + 1) })
        const board = await createBoard({ deviceId: "12abdd2289421234", chip, program: await powerFirmware(), flash, ownClock: true })
        try {
            const run = new PowerRun(board)
            run.give([{ sequence: 1, sizeBytes: imageMaxBytes, deed: 0, last: 2 }])
            await run.toTheEnd()
            const before = board.flash.settingsLog().generation
            run.give([{ sequence: 3, sizeBytes: imageMaxBytes, deed: 0, last: 6 }])
            await run.toTheEnd()
            const gcs = (board.flash.settingsLog().generation - before) / 4
            const most = gcsPer1000Updates(chip, imageMaxBytes, userSettingsBytes) / 1000
            assert.ok(gcs <= most + 1 && gcs >= most / 4, `${gcs} collections an update, and at most ${most} were promised`)
            const start = await run.toTheEnd()
            assert.equal([start.lie, start.sequence, start.slot], ["", 6, "B"])
            assert.not(board.lines().some(line => line.text.includes("HOV_STORE") || line.text.includes("out of space")))
            assert.is(board.flash.settingsLog().live.get(":user0")?.sizeBytes, valueBytes)
        } finally {
            await board.close()
        }
    })

test.run()
