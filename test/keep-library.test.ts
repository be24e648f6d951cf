import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { join } from "node:path"
import { runProgram } from "../sim/index.ts"
import { buildProject } from "../toolchain/build-project.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import { isKeepable, keepFiles, keptBy } from "../toolchain/keep-library.ts"
import { type Patchable, patchableInProcess } from "./support/replaced-program.ts"

const test = suite("library functions kept in the base")

const before = `const levels = [3, 1, 2]
function show() {
    console.log(\`levels \${levels.length}\`)
}
setInterval(show, 100)
`
const after = before.replace("levels.length", "levels.reduce((sum, x) => sum + x, 0)")

const built = (text: string, keep: readonly string[]) => patchableInProcess({ "program.ts": text, ...keepFiles("program.ts", text, keep) })

function update(base: Patchable, keep: readonly string[]) {
    return buildUpdate(base.base, built(after, keep).base.program, { sequence: 1 })
}

async function linesOf(base: Patchable, image: Uint8Array): Promise<string[]> {
    const { lines } = await runProgram(base.withImage(image), { until: /^> levels/, clock: "virtual", timeoutMs: 5000 })
    return lines.filter(l => l.startsWith("> levels"))
}

test("an edit that is the first to call a library function brings it along, unless the base was told to keep it", async () => {
    const keep = ["Array.prototype.reduce"]
    const plain = built(before, [])
    const kept = built(before, keep)
    const carries = update(plain, [])
    const finds = update(kept, keep)
    const ships = (u: typeof carries) => u.shipped.some(s => /reduce/.test(s.key))
    assert.ok(ships(carries))
    assert.not(ships(finds))
    assert.ok(finds.file.length < carries.file.length - 50, `${finds.file.length} B with keep, ${carries.file.length} B without`)
    assert.equal(await linesOf(plain, carries.file), ["> levels 6"])
    assert.equal(await linesOf(kept, finds.file), ["> levels 6"])
})

test("what a base was built with can be read from its program, so that updates are built with the same", async () => {
    const keep = ["Array.prototype.reduce", "@devicescript/core#sleep"]
    assert.equal(keptBy(built(before, keep).base.program), keep)
    assert.equal(keptBy(built(before, []).base.program), [])
})

test("a build of a project links what its keep list names", async () => {
    const program = await buildProject({ projectDir: join(import.meta.dirname, ".."), keep: ["Array.prototype.reduce"] })
    assert.ok(program.functions.some(f => f.name === "reduce"))
    assert.equal(keptBy(program), ["Array.prototype.reduce"])
})

test("a name that is neither a module's nor a method's is none to keep", () => {
    for (const name of ["@devicescript/runtime#schedule", "Array.prototype.sort"]) assert.ok(isKeepable(name))
    for (const name of ["sort", "Array.sort", "./mine#f", "#f", 'x"#y']) assert.not(isKeepable(name))
})

test.run()
