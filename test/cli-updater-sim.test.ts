import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runCli } from "./support/cli.ts"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("the updater's verbs for a simulated board")
const folder = mkdtempSync(join(tmpdir(), "handover-sim-"))
let bench: DeviceBench
let silent: DeviceBench
const updater = (...args: string[]) => runCli(["updater", ...args, "--sim", "--project", folder, "--json"])

test.before(async () => {
    bench = await DeviceBench.open({
        "main.ts": `
            import { startResident } from "./resident"
            import { startBootloaderServer } from "./dfu/bootloader-server"
            startBootloaderServer()
            await startResident()
        `,
    })
    mkdirSync(join(folder, "built/releases/1.1.0"), { recursive: true })
    writeFileSync(join(folder, "built/base.devs"), bench.program)
    writeFileSync(join(folder, ".env.defaults"), "hTrialMs=500\nhLog=1\n")
})
test.after(async () => {
    await bench?.close()
    await silent?.close()
    rmSync(folder, { recursive: true, force: true })
})

test("ask it, update it to what was built, and find it updated the next time", async () => {
    const none = await updater("check")
    assert.equal([none.code, none.json.current, none.json.available], [0, "1.0.0", null], none.stdout + none.stderr)
    const artifact = bench.artifact(plainImage({ sequence: 3, sizeBytes: 700 }), { sequence: 3, version: "1.1.0" })
    writeFileSync(join(folder, "built/releases/1.1.0/00c0ffee00c0ffee.hoa"), artifact)
    const available = await updater("check")
    assert.equal([available.code, available.json.available.version], [10, "1.1.0"])
    const updated = await updater("update")
    assert.equal([updated.code, updated.json.version, updated.json.phase], [0, "1.1.0", "confirmed"], updated.stdout + updated.stderr)
    const current = await updater("current")
    assert.equal([current.code, current.json.version, current.json.bank, current.json.sequence], [0, "1.1.0", "A", 3])
    assert.equal([(await updater("path")).json.next, (await updater("status")).code, (await updater("cancel")).json.ok], ["A", 0, true])
})

test("say what is missing where the program does not have the service, and refuse two ways at once", async () => {
    silent = await DeviceBench.open({ "main.ts": `import { startResident } from "./resident"\nawait startResident()\n` })
    writeFileSync(join(folder, "built/base.devs"), silent.program)
    const lost = await updater("status", "--flash", "other.flash")
    assert.equal([lost.code, lost.json.code], [5, "HOV_CLI_UNREACHABLE"])
    assert.match(lost.json.message, /startBootloaderServer/)
    assert.is((await updater("status", "--jacdac")).code, 2)
})

test.run()
