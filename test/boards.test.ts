import { readdirSync, readFileSync } from "node:fs"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { WarmCompiler } from "../toolchain/warm-compiler.ts"
import { temporaryFolder } from "./support/cli.ts"

const test = suite("board definitions, as the stock compiler takes them")
const root = join(import.meta.dirname, "..")
const ids = readdirSync(join(root, "boards")).map(file => basename(file, ".board.json"))
const folder = temporaryFolder()
const compilers: WarmCompiler[] = []

/** A project with these boards whose program uses all pins of one. */
function project(boards: Record<string, { pins: Record<string, number> }>, used: string): WarmCompiler {
    const dir = join(folder.path, `${used}-${compilers.length}`)
    mkdirSync(join(dir, "src"), { recursive: true })
    mkdirSync(join(dir, "boards"))
    mkdirSync(join(dir, "node_modules/@devicescript"), { recursive: true })
    symlinkSync(join(root, "node_modules/@devicescript/cli"), join(dir, "node_modules/@devicescript/cli"))
    writeFileSync(join(dir, "package.json"), '{ "name": "boards", "version": "1.0.0" }')
    writeFileSync(join(dir, "devsconfig.json"), "{}")
    for (const [id, board] of Object.entries(boards)) writeFileSync(join(dir, "boards", `${id}.board.json`), JSON.stringify(board))
    const pins = Object.keys(boards[used].pins).map(pin => `    pins.${pin},`)
    writeFileSync(join(dir, "src/main.ts"), `import { pins } from "@dsboard/${used}"\nimport "@devicescript/gpio"\nconst all = [\n${pins.join("\n")}\n]\nconsole.log(all.length)\n`)
    const compiler = new WarmCompiler({ projectDir: dir })
    compilers.push(compiler)
    return compiler
}

const boardOf = (id: string) => JSON.parse(readFileSync(join(root, "boards", `${id}.board.json`), "utf8")) as { archId: string; productId: string; pins: Record<string, number> }

test.after(() => {
    for (const compiler of compilers) compiler.close()
    folder.remove()
})

test("there is one for each chip that is spoken of", () => {
    assert.equal(ids.map(id => boardOf(id).archId).sort(), ["esp32", "esp32c3", "esp32s3", "rp2040w"])
    assert.is(new Set(ids.map(id => boardOf(id).productId)).size, ids.length)
})

for (const id of ids)
    test(`${id} compiles, with every pin it names`, async () => {
        const program = await project({ [id]: boardOf(id) }, id).compile()
        assert.ok(program.file.length > 0)
    })

test("a pin that the chip keeps for its flash is refused", async () => {
    const board = boardOf("handover_esp32")
    const spoiled = { ...board, pins: { ...board.pins, P6: 6 } }
    let said = ""
    try {
        await project({ handover_esp32: spoiled }, "handover_esp32").compile()
    } catch (e) {
        said = (e as Error).message
    }
    assert.match(said, /flash|P6|pin/i)
})

test.run()
