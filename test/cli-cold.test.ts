/** The next base from the command line: built, refused, signed, and what hot releases have left until then. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
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

test.after(() => project.remove())
test.run()
