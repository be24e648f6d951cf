/** The next base from the command line: built, refused, signed, and what hot releases have left until then. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { parseArtifact } from "../toolchain/format/artifact.ts"
import { parseColdImage } from "../toolchain/format/cold-image.ts"
import { readBaseBundle } from "../toolchain/pack/base-bundle.ts"
import { verifySignature } from "../toolchain/sign/index.ts"
import { runCli, sampleProject } from "./support/cli.ts"

const test = suite("handover consolidate and release show")
const project = sampleProject()
const file = (path: string) => join(project.path, path)
const cli = (...args: string[]) => runCli([...args, "--project", project.path, "--json"], { env: { HANDOVER_KEY_PASSPHRASE: "only for this test" } })

test("what hot releases have left is shown per base, and how much runs replaced", async () => {
    await cli("keys", "new", "keys/1.key", "--height", "5", "--winternitz", "4")
    assert.is((await cli("build", "--release", "1.0.0")).code, 0)
    const empty = (await cli("release", "show")).json.bases[0]
    assert.equal([empty.kind, empty.replaced.functions, empty.image.esp32.usedBytes], [undefined, 0, 0])
    writeFileSync(file("src/app/controller.ts"), readFileSync(file("src/app/controller.ts"), "utf8").replace("return limitPower(", "return limitPower(0.9 * "))
    const released = await cli("release", "1.1.0")
    assert.is(released.code, 0, released.stderr)
    const [base] = (await cli("release", "show")).json.bases
    const { imageBytes } = released.json.artifacts[0].update
    assert.equal([base.kind, base.release, base.replaced.functions], ["hot", "1.1.0", 1])
    for (const chip of ["esp32", "rp2040"]) assert.equal([base.image[chip].usedBytes, base.image[chip].leftBytes], [imageBytes, base.image[chip].maxBytes - imageBytes])
    assert.ok(base.heap.usedBytes > 100 && base.heap.leftBytes === base.heap.maxBytes - base.heap.usedBytes)
})

test("a base that could not take the release after it is not made", async () => {
    const { code, json } = await cli("consolidate", "2.0.0")
    assert.equal([code, json.code], [2, "HOV_CLI_COLD"])
    assert.match(json.message, /HOV_COLD_NO_RESIDENT/)
    assert.not.ok(existsSync(file("built/releases/2.0.0")))
})

test("the project as it is becomes the next base, signed for the one in the field, and later releases are built for both", async () => {
    writeFileSync(file("src/main.ts"), `import { startResident } from "./resident"\nimport { takeColdReleases } from "./cold"\nimport "./app"\n\ntakeColdReleases()\nawait startResident()\n`)
    assert.is((await cli("build", "--release", "1.9.0")).code, 0)
    const old = readBaseBundle(readFileSync(file("built/base.json"), "utf8"))
    writeFileSync(file("src/app/controller.ts"), readFileSync(file("src/app/controller.ts"), "utf8").replace("0.9 *", "0.8 *"))
    const { code, json, stdout, stderr } = await cli("consolidate", "2.0.0")
    assert.is(code, 0, stdout + stderr)
    const [made] = json.artifacts
    const { manifest, manifestBytes, signature, image } = parseArtifact(readFileSync(file(`built/releases/2.0.0/${old.baseId}.hoa`)))
    assert.equal([manifest.cold, manifest.baseId, manifest.version, manifest.sequence], [true, old.baseId, "2.0.0", 1])
    assert.ok(verifySignature(old.trustedKeys[0], manifestBytes, signature))
    const cold = parseColdImage(image)
    assert.equal([cold.previousBaseId, cold.baseId], [old.baseId, made.next])
    const next = readBaseBundle(readFileSync(file(`built/bases/${made.next}.json`), "utf8"))
    assert.equal(Buffer.from(cold.program.subarray(0, next.linked.file.length)), Buffer.from(next.linked.file))
    assert.equal(JSON.parse(readFileSync(file("handover.json"), "utf8")).bases, [`built/bases/${old.baseId}.json`, `built/bases/${made.next}.json`])
    const [before] = (await cli("release", "show")).json.bases
    assert.equal([before.kind, before.next], ["cold", made.next])

    writeFileSync(file("src/app/controller.ts"), readFileSync(file("src/app/controller.ts"), "utf8").replace("0.8 *", "0.7 *"))
    const later = await cli("release", "2.1.0")
    assert.is(later.code, 0, later.stdout + later.stderr)
    assert.equal(later.json.artifacts.map((a: { base: string; sequence: number }) => [a.base, a.sequence]), [[old.baseId, 2], [made.next, 2]])
})

test.after(() => project.remove())
test.run()
