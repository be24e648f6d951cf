import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runCli, temporaryFolder } from "./support/cli.ts"

const test = suite("unit tests on the stock VM with `handover test`")
const root = join(import.meta.dirname, "..")

interface Reported {
    readonly name: string
    readonly state: string
    readonly ms: number
    readonly output: readonly string[]
}

test("this project's own all pass", async () => {
    const { code, json } = await runCli(["test", "--project", root, "--json"])
    assert.equal([code, json.ok, json.failed], [0, true, 0], JSON.stringify(json))
    assert.ok(json.passed >= 7, `${json.passed} passed`)
})

test("each result is told: passed, failed with its line, skipped, a panic, a file without tests, one that does not compile", async () => {
    const folder = temporaryFolder()
    const file = (name: string, text: string) => writeFileSync(join(folder.path, "src", name), text)
    mkdirSync(join(folder.path, "src"))
    mkdirSync(join(folder.path, "node_modules/@devicescript"), { recursive: true })
    symlinkSync(join(root, "node_modules/@devicescript/cli"), join(folder.path, "node_modules/@devicescript/cli"))
    writeFileSync(join(folder.path, "package.json"), '{ "name": "unit", "version": "1.0.0" }')
    writeFileSync(join(folder.path, "devsconfig.json"), "{}")
    file(
        "a.test.ts",
        `import { describe, test, expect } from "@devicescript/test"
import * as ds from "@devicescript/core"
describe("counter", () => {
    test("sleeps an hour", async () => { await ds.sleep(3600000); expect(1).toBe(1) })
    test("fails", () => {
        console.log("  indented as a name is")
        expect(3).toBe(7)
    })
    test("throws as expected", () => { throw new Error("x") }, { expectedError: true })
    test("is skipped", () => { expect(1).toBe(2) }, { skip: true })
    describe("inner", () => { test("passes", () => {}) })
})
`,
    )
    file("b.test.ts", 'import { test, expect } from "@devicescript/test"\ntest("without describe", () => { expect(1).toBe(1) })\n')
    file("c.test.ts", 'import { describe, test } from "@devicescript/test"\ndescribe("x", () => { test("never ends", () => { while (true) {} }); test("has no turn", () => {}) })\n')
    file("d.test.ts", 'import { describe } from "@devicescript/test"\nconst x: number = "a"\ndescribe("none", () => {})\n')
    file("e.test.ts", 'import { describe } from "@devicescript/test"\ndescribe("none", () => {})\n')
    const { code, json, stdout } = await runCli(["test", "--project", folder.path, "--json"])
    folder.remove()
    const of = (name: string) => json.files.find((f: { file: string }) => f.file === `src/${name}`) as { tests: Reported[]; error?: string }
    assert.is(code, 1)
    const states = (name: string) => Object.fromEntries(of(name).tests.map(t => [t.name, t.state]))
    assert.equal(states("a.test.ts"), {
        "counter > inner > passes": "passed",
        "counter > sleeps an hour": "passed",
        "counter > fails": "failed",
        "counter > throws as expected": "passed",
        "counter > is skipped": "skipped",
    })
    const hour = of("a.test.ts").tests.find(t => t.name.endsWith("an hour"))!
    assert.ok(hour.ms >= 3600000 && hour.ms < 3601000, `${hour.ms} ms`)
    assert.match(of("a.test.ts").tests.find(t => t.state === "failed")!.output.join("\n"), /Expected 7, got 3\n.*src\/a\.test\.ts:7\)/)
    assert.equal([states("b.test.ts"), of("b.test.ts").error], [{ "without describe": "passed" }, undefined])
    assert.equal(states("c.test.ts"), { "x > never ends": "failed", "x > has no turn": "notRun" })
    assert.match(of("c.test.ts").error!, /panic/)
    assert.match(of("d.test.ts").error!, /src\/d\.test\.ts\(2,7\): error TS2322/)
    assert.match(of("e.test.ts").error!, /no tests/)
    assert.equal([json.passed, json.failed, json.skipped, json.ok], [4, 4, 1, false], stdout)
})

test.run()
