import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runCli, temporaryFolder } from "./support/cli.ts"
import { parseStatementFile } from "../toolchain/format/statement.ts"

const test = suite("handover keys")
const folder = temporaryFolder()
const passphrase = "correct horse battery"
const env = { HANDOVER_KEY_PASSPHRASE: passphrase }
const keys = (...args: string[]) => runCli(["keys", ...args, "--project", folder.path, "--json"], { env })
const configured = () => JSON.parse(readFileSync(join(folder.path, "handover.json"), "utf8"))

let first: string

test("a key needs a passphrase from the environment", async () => {
    const { code, json } = await runCli(["keys", "new", "1.key", "--project", folder.path, "--json"])
    assert.equal([code, json.code], [2, "HOV_KEY_NO_PASSPHRASE"])
    assert.not.ok(existsSync(join(folder.path, "1.key")))
})

test("a new key is made for its owner only and named in handover.json", async () => {
    const { code, json, stdout, stderr } = await keys("new", "keys/1.key", "--height", "5")
    assert.is(code, 0, stderr)
    assert.equal([json.remaining, json.total, json.configured], [32, 32, true])
    assert.equal(configured().keys, ["keys/1.key"])
    assert.is(statSync(join(folder.path, "keys/1.key")).mode & 0o077, 0)
    assert.not.match(stdout + stderr, new RegExp(passphrase))
    first = json.keyId
})

test("a key file is never overwritten", async () => {
    const before = readFileSync(join(folder.path, "keys/1.key"))
    const { code, json } = await keys("new", "keys/1.key", "--height", "5")
    assert.is(code, 2)
    assert.match(json.message, /never overwritten/)
    assert.equal(readFileSync(join(folder.path, "keys/1.key")), before)
})

test("without the passphrase a key can be shown and its public half exported", async () => {
    const run = (...args: string[]) => runCli(["keys", ...args, "--project", folder.path])
    const [show, exported] = await Promise.all([run("show"), run("export-public")])
    assert.match(show.stdout, /32 of 32 signatures left/)
    assert.match(exported.stdout, /^[0-9a-f]{120}\n$/)
    assert.is(exported.stdout.slice(24, 40), first)
})

test("the only key cannot revoke itself", async () => {
    const { code, json } = await keys("revoke", "keys/1.key")
    assert.equal([code, json.code], [2, "HOV_CLI_NO_KEY"])
})

test("rotation puts the next key behind the one in use", async () => {
    const { code, json, stderr } = await keys("rotate", "keys/2.key", "--height", "5")
    assert.is(code, 0, stderr)
    assert.is.not(json.keyId, first)
    assert.equal(configured().keys, ["keys/1.key", "keys/2.key"])
})

test("the next key revokes the one in use, never the other way round", async () => {
    const [later, earlier] = [await keys("revoke", "keys/1.key"), await keys("revoke", "keys/2.key")]
    assert.is(later.code, 0, later.stderr)
    assert.is(later.json.revoked, first)
    const file = readFileSync(join(folder.path, "built/statements", `revoke-${first}.hos`))
    assert.is(parseStatementFile(file).statement.kind, "revoke")
    assert.equal([earlier.code, earlier.json.code], [2, "HOV_CLI_NO_KEY"])
})

test.after(() => folder.remove())
test.run()
