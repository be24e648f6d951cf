import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { refusalCatalogue } from "../toolchain/translate/refusal-catalogue.ts"

const root = join(import.meta.dirname, "..")
const pages = join(root, "docs/refusals")
const codes = Object.keys(refusalCatalogue).sort()

const test = suite("refusals: catalogue, pages and code")

test("there is one page for each code, and none besides", () => {
    const names = readdirSync(pages).filter(n => n !== "README.md")
    assert.equal(names.sort(), codes.map(c => `${c}.md`))
})

test("a page has the catalogue's title and what to do, and says why; the overview names it", () => {
    const overview = readFileSync(join(pages, "README.md"), "utf8")
    for (const [code, { title, fix }] of Object.entries(refusalCatalogue)) {
        const [heading, why, advice] = readFileSync(join(pages, `${code}.md`), "utf8").trim().split("\n\n")
        assert.is(heading, `# ${code}: ${title}`)
        assert.is(advice, `**What to do.** ${fix}`)
        assert.ok(why.length > 40, `${code} says why`)
        assert.ok(overview.includes(`- [${code}](${code}.md): ${title}\n`), `the overview names ${code}`)
    }
})

test("the toolchain gives every code of the catalogue", () => {
    const folder = join(root, "toolchain")
    const source = readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter(f => f.endsWith(".ts") && !f.endsWith("refusal-catalogue.ts"))
        .map(f => readFileSync(join(folder, f), "utf8"))
        .join("\n")
    const unused = codes.filter(c => !source.includes(`"${c}"`))
    assert.equal(unused, [])
})

test("a test gives every code of the catalogue", () => {
    const tests = readdirSync(import.meta.dirname).filter(f => f.endsWith(".test.ts") && f !== "refusal-pages.test.ts")
    const source = tests.map(f => readFileSync(join(import.meta.dirname, f), "utf8")).join("\n")
    const untested = codes.filter(c => !source.includes(c))
    assert.equal(untested, [])
})

test.run()
