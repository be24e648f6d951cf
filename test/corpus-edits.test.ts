import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { checkEdit } from "../scripts/corpus/check.ts"
import { readCorpus } from "../scripts/corpus/edits.ts"
import { models } from "../scripts/corpus/models.ts"

const test = suite("the corpus of edits, a part of it")

test("every edit has a model of what it does to the running program", () => {
    assert.equal(Object.keys(models).sort(), readCorpus().map(e => e.name.slice(0, 2)))
})

for (const number of ["25", "46", "51"]) {
    const [edit] = readCorpus(number)
    test(`${edit.name}: live, at boot and back it does what it is to do`, async () => {
        const result = await checkEdit(edit)
        assert.equal([...result.refusals, ...result.problems], [])
        assert.is(result.live.length, 8)
    })
}

test.run()
