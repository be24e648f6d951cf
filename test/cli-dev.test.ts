import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { cliEvents } from "./support/cli-events.ts"
import { sampleProject } from "./support/cli.ts"

const test = suite("a session of `handover dev` with a simulated board")
const project = sampleProject()
const controller = join(project.path, "src/app/controller.ts")
const original = readFileSync(controller, "utf8")
const edit = (change: (text: string) => string) => writeFileSync(controller, change(original))

const dev = cliEvents(["dev", "--project", project.path])
const { next } = dev

test.before(async () => {
    await next("ready", 100_000)
})
test.after(async () => {
    await dev.stop()
    project.remove()
})

test("a saved edit runs on the board, which does not start again", async () => {
    edit(text => text.replace("return limitPower(", "return limitPower(0.5 * "))
    const ran = await next("edit")
    assert.is(ran.is, "running", JSON.stringify(ran))
    assert.match(ran.version, /^\d+\.\d+\.\d+-dev\.1$/)
    assert.ok(ran.functions.includes("step"), ran.functions.join())
    assert.ok(ran.times.runningMs >= ran.times.compiledMs)
    assert.is((await next("end")).phase, "confirmed")
    assert.is(dev.all.filter(e => e.event === "line" && /> app starts/.test(e.text)).length, 1)
})

test("what does not compile is said with file and line, and the board goes on", async () => {
    edit(text => text.replace("return limitPower(", "return limitPower(missing * "))
    const failed = await next("edit")
    assert.is(failed.is, "notCompiled")
    assert.match(failed.message, /src\/app\/controller\.ts\(\d+,\d+\): error TS2304: Cannot find name 'missing'/)
})

test("what cannot go live is refused with a code, file and line", async () => {
    edit(text => `class Part {\n    wear = 0\n}\n${text.replace("class Controller", "class Controller extends Part").replace("    ) {}", "    ) {\n        super()\n    }")}`)
    const refused = await next("edit")
    assert.is(refused.is, "refused", JSON.stringify(refused))
    assert.match(refused.refusals[0].code, /^HOV1\d\d$/)
    assert.match(refused.refusals[0].location, /^src\/app\/controller\.ts:\d+$/)
})

test("what throws is called back, and the line that threw is named", async () => {
    edit(text => text.replace("const error =", "const nothing: any = undefined\n        const error = nothing.degrees +"))
    assert.is((await next("edit")).is, "running")
    const end = await next("end")
    assert.is(end.phase, "rolledBack")
    assert.match(end.fault, /degrees.*\n\s+at step \(src\/app\/controller\.ts:\d+\)/)
})

test("the edit undone is the code before, without the board's start", async () => {
    edit(text => text)
    assert.is((await next("edit")).is, "running")
    assert.is((await next("end")).phase, "confirmed")
    assert.is(dev.all.filter(e => e.event === "line" && /> app starts/.test(e.text)).length, 1)
})

test.run()
