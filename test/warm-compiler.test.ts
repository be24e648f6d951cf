import { readFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { BuildError, buildProject } from "../toolchain/build-project.ts"
import { WarmCompiler } from "../toolchain/warm-compiler.ts"
import { sampleProject } from "./support/cli.ts"

const test = suite<{ path: string; compiler: WarmCompiler; remove(): void }>("the compiler that stays loaded")
const PATH = "src/app/controller.ts"

test.before(context => {
    const project = sampleProject()
    Object.assign(context, project, { compiler: new WarmCompiler({ projectDir: project.path }) })
})
test.after(context => {
    context.compiler.close()
    context.remove()
})

const refusal = async (work: Promise<unknown>): Promise<string> => {
    try {
        await work
    } catch (e) {
        if (e instanceof BuildError) return e.message
        throw e
    }
    return "it compiled"
}

test("each of its builds has the bytes and the places of a build by the command line", async ({ path, compiler }) => {
    const original = readFileSync(join(path, PATH), "utf8")
    await compiler.compile()
    const edited = { [PATH]: original.replace("return limitPower(", "const half = 0.5\n        return limitPower(half * ") }
    for (const overlay of [edited, {}]) {
        const warm = await compiler.compile({ overlay })
        const cold = await buildProject({ projectDir: path, overlay })
        assert.ok(Buffer.from(warm.file).equals(Buffer.from(cold.file)), "the program")
        assert.equal(warm.debug.srcmap, cold.debug.srcmap)
        assert.equal(
            warm.debug.functions.map(f => [f.name, f.location, f.startpc]),
            cold.debug.functions.map(f => [f.name, f.location, f.startpc]),
        )
    }
})

test("mistakes are found in later builds too: a type, and a forgotten await", async ({ path, compiler }) => {
    const original = readFileSync(join(path, PATH), "utf8")
    await compiler.compile()
    assert.match(await refusal(compiler.compile({ overlay: { [PATH]: original.replace("return limitPower(", "return limitPower('a' * ") } })), /controller\.ts\(\d+,\d+\): error TS2362/)
    const forgotten = `${original}\nasync function later() {\n    return 1\n}\nexport function now() {\n    return later()\n}\nnow()\n`
    assert.match(await refusal(compiler.compile({ overlay: { [PATH]: forgotten } })), /controller\.ts.*'await' missing/s)
    await compiler.compile()
})

test.run()
