/** What the command signs and hands out besides updates: freshness, and a board's credentials. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { parseStatementFile } from "../toolchain/format/statement.ts"
import { baseBundle, encodeBaseBundle } from "../toolchain/pack/base-bundle.ts"
import { readProgram } from "../toolchain/program/compiled-program.ts"
import { patchTrustedKeys, skipTo, verifySignature } from "../toolchain/sign/index.ts"
import { runCli, serve, temporaryFolder } from "./support/cli.ts"
import { artifactFile, call, TestDevice } from "./support/cloud.ts"
import { buildFirmware } from "./support/resident-program.ts"

const test = suite("freshness and credentials from the command line")
const folder = temporaryFolder()
const file = (path: string) => join(folder.path, path)
const PASSPHRASE = "only for this test"

let server: Awaited<ReturnType<typeof serve>>
let baseId: string
let publicKey: Buffer
const cli = (...args: string[]) =>
    runCli([...args, "--project", folder.path, "--json"], {
        env: { HANDOVER_URL: server.url, HANDOVER_TOKEN_FILE: server.tokenFile, HANDOVER_KEY_PASSPHRASE: PASSPHRASE },
    })

test.before(async () => {
    writeFileSync(file("handover.json"), JSON.stringify({ app: "heater" }))
    server = await serve(folder.path)
    const made = await cli("keys", "new", "keys/1.key", "--height", "5", "--winternitz", "4")
    assert.is(made.code, 0, made.stderr)
    publicKey = Buffer.from((await cli("keys", "export-public")).json.publicKey, "hex")
    const built = await buildFirmware()
    const bundle = baseBundle(readProgram(patchTrustedKeys(built.devs, [publicKey]), built.debugInfo), "1.0.0")
    baseId = bundle.baseId
    mkdirSync(file("built/releases/1.1.0"), { recursive: true })
    writeFileSync(file("built/base.json"), encodeBaseBundle(bundle))
    writeFileSync(file(`built/releases/1.1.0/${baseId}.hoa`), artifactFile("1.1.0", { base: baseId, sequence: 5 }))
})

test("freshness of a release that is not published is not sent: boards would take themselves for kept back", async () => {
    const { code, json } = await cli("keys", "fresh", "--publish")
    assert.equal([code, json.code], [2, "HOV_CLI_RELEASE_MISSING"])
    const before = await cli("keys", "fresh", "--newest", "1.0.0", "--days", "1")
    assert.is(before.code, 0, before.stderr)
    assert.equal([before.json.freshness[0].sequence, before.json.freshness[0].statement], [0, null])
})

test("signed freshness goes to the server, and from there to the boards that ask for it", async () => {
    assert.is((await cli("publish", "1.1.0")).code, 0)
    const { code, json, stderr } = await cli("keys", "fresh", "--publish", "--days", "7")
    assert.is(code, 0, stderr)
    const [fresh] = json.freshness
    assert.equal([fresh.base, fresh.newest, fresh.sequence], [baseId, "1.1.0", 5])
    const { statement, statementBytes, signature } = parseStatementFile(readFileSync(file(`built/statements/fresh-${baseId}.hos`)))
    assert.ok(verifySignature(publicKey, statementBytes, signature))
    assert.is(statement.kind === "fresh" && statement.notAfterUnixS - statement.issuedAtUnixS, 7 * 86_400)

    const added = await cli("devices", "add", "bench-1", "--app", "heater", "--no-seal")
    const board = new TestDevice(server.url, "bench-1", added.json.token)
    board.actual = { ...board.actual, base: baseId, fr: 0, rv: "" }
    const { body } = await board.poll()
    assert.equal(Buffer.from(body.fresh.m, "hex"), Buffer.from(statementBytes))
    const blob = await call(`${server.url}/v1/blobs/${body.fresh.sig}?offset=0&length=${body.fresh.sigLen}`, { token: board.token })
    assert.equal(blob.bytes, Buffer.from(signature))
    board.close()
})

test("over http a board gets a key without being asked for, and the server takes nothing unsealed from it", async () => {
    const added = await cli("devices", "add", "pico-1", "--env", file("pico.env"))
    assert.is(added.code, 0, added.stderr)
    const settings = () => Object.fromEntries(readFileSync(file("pico.env"), "utf8").trim().split("\n").map(line => line.split("=")))
    const first = settings()
    assert.match(first.hKey, /^[0-9a-f]{64}$/)
    assert.not.match(added.stdout + added.stderr, new RegExp(`${first.hKey}|${first.hToken}`))
    const board = new TestDevice(server.url, "pico-1", first.hToken)
    assert.is((await board.poll()).body.code, "HOV_API_SEAL_REQUIRED")
    board.close()
    assert.is((await cli("devices", "token", "pico-1", "--env", file("pico.env"))).code, 0)
    const second = settings()
    assert.match(second.hKey, /^[0-9a-f]{64}$/)
    assert.is.not(second.hKey, first.hKey)
    assert.is.not(second.hToken, first.hToken)
})

test("without a key, when that is asked for, the token alone is the board's", async () => {
    const added = await cli("devices", "add", "bench-2", "--no-seal", "--env", file("bench.env"))
    assert.is(added.code, 0)
    assert.not.match(readFileSync(file("bench.env"), "utf8"), /hKey/)
    const { codes } = (await cli("devices", "claim")).json
    const enrolled = await call(`${server.url}/v1/enrol`, { json: { id: "pico-2", claim: codes[0] } })
    assert.match(enrolled.body.key, /^[0-9a-f]{64}$/)
})

test("a key with less than a tenth of its signatures left is warned of, when shown and when it signs", async () => {
    await skipTo(file("keys/1.key"), PASSPHRASE, 29)
    assert.match((await cli("keys", "show")).stderr, /3 of 32 signatures left/)
    assert.match((await cli("keys", "fresh")).stderr, /2 of 32 signatures left/)
})

test.after(async () => {
    await server?.stop()
    folder.remove()
})
test.run()
