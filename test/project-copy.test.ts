import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { ProjectCopy } from "../toolchain/project-copy.ts"
import { temporaryFolder } from "./support/cli.ts"

const test = suite<{ project: string; copy: ProjectCopy; remove(): void }>("the copy of a project that is compiled")

test.before.each(context => {
    const folder = temporaryFolder()
    mkdirSync(join(folder.path, "src/app"), { recursive: true })
    mkdirSync(join(folder.path, "node_modules"))
    writeFileSync(join(folder.path, "src/main.ts"), "main 1")
    writeFileSync(join(folder.path, "src/app/part.ts"), "part 1")
    writeFileSync(join(folder.path, "devsconfig.json"), "{}")
    Object.assign(context, { project: folder.path, copy: new ProjectCopy(folder.path), remove: folder.remove })
    context.copy.refresh()
})
test.after.each(context => context.remove())

const at = (copy: ProjectCopy, path: string) => join(copy.dir, path)
const text = (copy: ProjectCopy, path: string) => readFileSync(at(copy, path), "utf8")
const written = (copy: ProjectCopy, path: string) => statSync(at(copy, path), { bigint: true }).ctimeNs

test("only what has changed is written, also with the same size in the same moment", ({ project, copy }) => {
    const before = [written(copy, "src/main.ts"), written(copy, "devsconfig.json")]
    for (let n = 2; n < 9; n++) {
        writeFileSync(join(project, "src/app/part.ts"), `part ${n}`)
        copy.refresh()
        assert.is(text(copy, "src/app/part.ts"), `part ${n}`)
    }
    assert.equal([written(copy, "src/main.ts"), written(copy, "devsconfig.json")], before)
})

test("what is removed, renamed, or turned from a file into a folder and back is so in the copy", ({ project, copy }) => {
    renameSync(join(project, "src/app/part.ts"), join(project, "src/app/other.ts"))
    writeFileSync(join(project, ".env.defaults"), "a=1")
    copy.refresh()
    assert.not(existsSync(at(copy, "src/app/part.ts")))
    assert.is(text(copy, "src/app/other.ts"), "part 1")
    assert.is(text(copy, ".env.defaults"), "a=1")
    rmSync(join(project, "src/app"), { recursive: true })
    writeFileSync(join(project, "src/app"), "a file now")
    rmSync(join(project, ".env.defaults"))
    copy.refresh()
    assert.is(text(copy, "src/app"), "a file now")
    assert.not(existsSync(at(copy, ".env.defaults")))
    rmSync(join(project, "src/app"))
    mkdirSync(join(project, "src/app"))
    writeFileSync(join(project, "src/app/part.ts"), "part 9")
    copy.refresh()
    assert.is(text(copy, "src/app/part.ts"), "part 9")
})

test("an overlay holds for one build, and the project is left alone", ({ project, copy }) => {
    copy.refresh({ "src/main.ts": "main of a working copy", "src/new/deep.ts": "deep" })
    assert.is(text(copy, "src/main.ts"), "main of a working copy")
    assert.is(text(copy, "src/new/deep.ts"), "deep")
    assert.is(text(copy, "src/app/part.ts"), "part 1")
    copy.refresh()
    assert.is(text(copy, "src/main.ts"), "main 1")
    assert.not(existsSync(at(copy, "src/new")))
    assert.is(readFileSync(join(project, "src/main.ts"), "utf8"), "main 1")
})

test("what the compiler leaves in the sources does not stay, and a folder that is linked in is not written to", ({ project, copy }) => {
    mkdirSync(join(project, "shared"))
    writeFileSync(join(project, "shared/common.ts"), "common")
    symlinkSync(join(project, "shared"), join(project, "src/shared"))
    copy.refresh()
    assert.is(text(copy, "src/shared/common.ts"), "common")
    writeFileSync(at(copy, "src/left.js"), "left behind")
    rmSync(join(project, "src/shared"))
    mkdirSync(join(project, "src/shared"))
    writeFileSync(join(project, "src/shared/own.ts"), "own")
    copy.refresh()
    assert.is(text(copy, "src/shared/own.ts"), "own")
    assert.not(existsSync(at(copy, "src/left.js")))
    assert.is(readFileSync(join(project, "shared/common.ts"), "utf8"), "common")
    assert.not(existsSync(join(project, "shared/own.ts")))
})

test.run()
