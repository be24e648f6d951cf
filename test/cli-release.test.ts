import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runCli, sampleProject } from "./support/cli.ts"
import { openCloud } from "./support/cloud.ts"

const test = suite("build, diff, release, inspect")
const project = sampleProject()
const passphrase = "only for this test"
const cli = (...args: string[]) => runCli([...args, "--project", project.path, "--json"], { env: { HANDOVER_KEY_PASSPHRASE: passphrase } })
const file = (path: string) => join(project.path, path)
const edit = (path: string, change: (text: string) => string) => writeFileSync(file(path), change(readFileSync(file(path), "utf8")))

let baseId: string

test("a base is built with the key that it trusts, and says where its bytes go", async () => {
    await cli("keys", "new", "keys/1.key", "--height", "5")
    const { code, json, stderr } = await cli("build", "--release", "1.0.0")
    assert.is(code, 0, stderr)
    baseId = json.baseId
    for (const name of ["base.devs", "base-dbg.json", "base.json", `bases/${baseId}.json`]) assert.ok(existsSync(file(`built/${name}`)), name)
    const { code: parts, codeEndBytes, codeLimitBytes, freeBytes } = json.sizes
    assert.is(Object.values(parts as Record<string, number>).reduce((n, x) => n + x, 0), codeEndBytes)
    assert.is(codeEndBytes + freeBytes, codeLimitBytes)
    for (const bytes of Object.values(parts as Record<string, number>)) assert.ok(bytes > 0)
    assert.is(json.trustedKeys.length, 1)
})

test("a dry run says what would go on air, uses up no signature and writes nothing", async () => {
    edit("src/app/controller.ts", text => text.replace("return limitPower(", "return limitPower(0.9 * "))
    const { code, json } = await cli("publish", "1.1.0", "--dry-run")
    assert.is(code, 0)
    assert.ok(json.dryRun)
    const { base, update } = json.artifacts[0]
    assert.is(base, baseId)
    assert.ok(update.hot)
    assert.equal(update.functions.map((f: { name: string; kind: string }) => [f.name, f.kind]), [["Controller.step", "replaced"]])
    assert.ok(update.imageBytes < 256)
    assert.is(update.libraryBytes, 0)
    assert.not.ok(existsSync(file("built/releases")))
    assert.is((await cli("keys", "show")).json.keys[0].remaining, 32)
})

test("a release is signed for the base and has a map beside it", async () => {
    const { code, json, stdout, stderr } = await cli("release", "1.1.0")
    assert.is(code, 0, stderr)
    assert.equal([json.artifacts[0].sequence, json.artifacts[0].base], [1, baseId])
    for (const end of ["hoa", "map.json"]) assert.ok(existsSync(file(`built/releases/1.1.0/${baseId}.${end}`)))
    assert.is((await cli("keys", "show")).json.keys[0].remaining, 31)
    assert.not.match(stdout + stderr, new RegExp(passphrase))
})

test("a release does not change, and is not called like its base", async () => {
    const [again, likeBase, noVersion] = await Promise.all([cli("release", "1.1.0"), cli("release", "1.0.0"), cli("release", "a version that is too long")])
    assert.equal([again.code, again.json.code], [2, "HOV_CLI_RELEASE_EXISTS"])
    assert.equal([likeBase.code, likeBase.json.code], [2, "HOV_CLI_USAGE"])
    assert.equal([noVersion.code, noVersion.json.code], [2, "HOV_CLI_USAGE"])
})

test("an image over the budget of the project's chip is refused with a code", async () => {
    const config = readFileSync(file("handover.json"), "utf8")
    const before = readFileSync(file("src/app/controller.ts"), "utf8")
    const body = Array.from({ length: 200 }, (_, i) => `    watts = watts * ${i + 3} - ${i + 1000}\n`).join("")
    edit("src/app/controller.ts", text => text.replace("    return Math.constrain(watts", `${body}    return Math.constrain(watts`))
    writeFileSync(file("handover.json"), JSON.stringify({ ...JSON.parse(config), chip: "rp2040" }))
    const small = await cli("release", "1.2.0", "--dry-run")
    writeFileSync(file("src/app/controller.ts"), before)
    writeFileSync(file("handover.json"), config)
    assert.is(small.code, 3, small.stdout)
    assert.equal(small.json.refusals.map((r: { code: string }) => r.code), ["HOV112"])
})

test("inspect checks the signature and shows operations with their source lines", async () => {
    const { code, json } = await cli("inspect", file(`built/releases/1.1.0/${baseId}.hoa`), "--function", "step")
    assert.is(code, 0)
    assert.is(json.signature.valid, true)
    const [step] = json.image.functions
    assert.ok(step.code.length > 5)
    for (const line of step.code) assert.match(line.location, /^src\/app\/controller\.ts:\d+$/)
    assert.match(step.code.at(-1).text, /^return/)
})

test("inspect shows what a diff found, with the code that would go out", async () => {
    const written = file("built/edit.diff.json")
    const made = await cli("diff", "--output", written)
    assert.is(made.code, 0)
    assert.equal(JSON.parse(readFileSync(written, "utf8")), made.json, "the file holds what is printed")
    const { code, json } = await cli("inspect", written, "--function", "step")
    assert.equal([code, json.kind, json.base, json.imageBytes, json.image.sizeBytes], [0, "diff", baseId, made.json.imageBytes, made.json.imageBytes])
    for (const line of json.image.functions[0].code) assert.match(line.location, /^src\/app\/controller\.ts:\d+$/)
    const { image: _, ...halved } = made.json
    writeFileSync(written, JSON.stringify(halved))
    const damaged = await cli("inspect", written)
    assert.equal([damaged.code, damaged.json.code], [2, "HOV_CLI_FILE_KIND"])
})

test("inspect shows a base's functions and where they come from", async () => {
    const [bundle, program] = await Promise.all([cli("inspect", file("built/base.json")), cli("inspect", file("built/base.devs"), "--function", "limitPower")])
    assert.equal([bundle.json.kind, bundle.json.baseId], ["base", baseId])
    assert.ok(bundle.json.hosts.includes("src/app/controller.ts/Controller/step"))
    assert.match(program.json.functions[0].location, /^src\/app\/controller\.ts:\d+$/)
})

test("a damaged artifact is refused, a forged one shown as not valid", async () => {
    const bytes = readFileSync(file(`built/releases/1.1.0/${baseId}.hoa`))
    const damaged = Buffer.from(bytes)
    damaged[damaged.length - 1] ^= 1
    const forged = Buffer.from(bytes)
    forged[200] ^= 1
    writeFileSync(file("damaged.hoa"), damaged)
    writeFileSync(file("forged.hoa"), forged)
    const [first, second] = await Promise.all([cli("inspect", file("damaged.hoa")), cli("inspect", file("forged.hoa"))])
    assert.equal([first.code, first.json.code], [2, "HOV_ARTIFACT_DIGEST"])
    assert.is(second.json.signature.valid, false)
})

test("a bundle is compared with itself without compiling", async () => {
    const { code, json } = await cli("diff", file("built/base.json"), file("built/base.json"))
    assert.equal([code, json.hot, json.functions], [0, true, []])
})

test("what cannot go live is refused with a code, a place and what to do", async () => {
    edit("src/dfu/config.ts", text => text.replace("const READ_MS = 3000", "const READ_MS = 3001"))
    const { code, json } = await cli("diff")
    assert.is(code, 3)
    assert.not.ok(json.hot)
    const [first] = json.refusals
    assert.is(first.code, "HOV102")
    assert.match(first.location, /^src\/dfu\/config\.ts:\d+$/)
    assert.match(first.fix, /new base/)
})

test("a base that is left out is published with the reasons", async () => {
    assert.is((await cli("build", "--release", "1.5.0")).code, 0)
    edit("src/app/controller.ts", text => text.replace("limitPower(0.9 * ", "limitPower(0.8 * "))
    const cloud = await openCloud()
    try {
        const { code, stderr } = await runCli(["publish", "1.6.0", "--base", file(`built/bases/${baseId}.json`), "--base", file("built/base.json"), "--skip-refused", "--project", project.path, "--json"], {
            env: { HANDOVER_KEY_PASSPHRASE: passphrase, HANDOVER_URL: cloud.url, HANDOVER_TOKEN: cloud.adminToken },
        })
        assert.is(code, 0, stderr)
        const { images, refusals } = await cloud.must(200, "GET", "/releases/1.6.0/contents")
        assert.is(images.length, 1)
        assert.equal(images[0].contents.functions.map((f: any) => f.name), ["step"])
        assert.is(images[0].signedWith.lms, "LMS_SHA256_M32_H5")
        assert.equal(refusals.map((r: any) => [r.base, r.reasons[0].code]), [[baseId, "HOV102"]])
    } finally {
        await cloud.done()
    }
})

test.after(() => project.remove())
test.run()
