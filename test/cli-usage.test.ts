import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runCli, temporaryFolder } from "./support/cli.ts"

const test = suite("the command line as a whole")
const token = "a-token-that-nobody-may-see"

test("help names every verb, the exit codes and the environment", async () => {
    const { code, stdout } = await runCli(["--help"])
    assert.is(code, 0)
    for (const verb of ["build", "diff", "release", "publish", "symbolize", "inspect", "keys", "serve", "devices", "trigger", "releases", "tokens", "updater", "logs"])
        assert.match(stdout, new RegExp(`^  ${verb} `, "m"))
    assert.match(stdout, /Exit codes:[\s\S]* 3 {2}refused[\s\S]*10 {2}updater check/)
    assert.match(stdout, /HANDOVER_KEY_PASSPHRASE_FILE/)
})

test("an unknown verb is a usage error with a suggestion", async () => {
    const { code, stderr, stdout } = await runCli(["bild"])
    assert.is(code, 2)
    assert.match(stderr, /Did you mean build/)
    assert.is(stdout, "")
})

test("with --json an error is one object on standard output", async () => {
    const [usage, file] = await Promise.all([runCli(["updater", "check", "--json"]), runCli(["inspect", "no-such-file", "--json"])])
    assert.is(usage.code, 2)
    assert.is(usage.json.code, "HOV_CLI_USAGE")
    assert.is(file.code, 2)
    assert.equal([file.json.ok, file.json.code], [false, "HOV_CLI_FILE"])
    assert.match(file.json.message, /no-such-file does not exist/)
})

test("an error has no stack trace unless --verbose asks for one", async () => {
    const [plain, verbose] = await Promise.all([runCli(["inspect", "no-such-file"]), runCli(["inspect", "no-such-file", "--verbose"])])
    assert.not.match(plain.stderr, /\n\s+at /)
    assert.match(verbose.stderr, /\n\s+at /)
})

test("handover.json is checked field by field, and secrets have no place in it", async () => {
    const folder = temporaryFolder()
    try {
        const tries: [object | string, RegExp][] = [
            [{ sever: "http://x" }, /no field "sever"/],
            [{ server: "example.org" }, /"server" in handover.json must be an address/],
            [{ productId: -1 }, /"productId" in handover.json must be a whole number/],
            [{ keys: ["a", "b", "c"] }, /at most two key files/],
            [{ token }, /must not hold "token"/],
            ["{", /not valid JSON/],
        ]
        for (const [content, message] of tries) {
            writeFileSync(join(folder.path, "handover.json"), typeof content === "string" ? content : JSON.stringify(content))
            const { code, stderr } = await runCli(["keys", "show", "--project", folder.path])
            assert.is(code, 2)
            assert.match(stderr, message)
            assert.not.match(stderr, new RegExp(token))
        }
    } finally {
        folder.remove()
    }
})

test("what is missing to reach the server is said before anything is sent", async () => {
    const [noServer, noToken] = await Promise.all([
        runCli(["devices", "list", "--json"]),
        runCli(["devices", "list", "--json"], { env: { HANDOVER_URL: "http://127.0.0.1:1" } }),
    ])
    assert.equal([noServer.code, noServer.json.code], [2, "HOV_CLI_NO_SERVER"])
    assert.equal([noToken.code, noToken.json.code], [2, "HOV_CLI_NO_TOKEN"])
})

test("a server that is not there, or is none, has an exit code and no token in its message", async () => {
    const closed = createServer()
    await new Promise<void>(resolve => closed.listen(0, "127.0.0.1", resolve))
    const { port } = closed.address() as { port: number }
    await new Promise(resolve => closed.close(resolve))
    const web = createServer(socket => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"))
    await new Promise<void>(resolve => web.listen(0, "127.0.0.1", resolve))
    const webPort = (web.address() as { port: number }).port
    try {
        const at = (p: number) => runCli(["devices", "list", "--json", "--verbose"], { env: { HANDOVER_URL: `http://127.0.0.1:${p}`, HANDOVER_TOKEN: token } })
        const [gone, other] = await Promise.all([at(port), at(webPort)])
        assert.equal([gone.code, gone.json.code], [5, "HOV_CLI_UNREACHABLE"])
        assert.match(gone.json.message, /ECONNREFUSED/)
        assert.equal([other.code, other.json.code], [1, "HOV_CLI_ANSWER"])
        for (const { stdout, stderr } of [gone, other]) assert.not.match(stdout + stderr, new RegExp(token))
    } finally {
        web.close()
    }
})

test("a file that is nothing we know is refused by its kind", async () => {
    const folder = temporaryFolder()
    try {
        const file = join(folder.path, "x.bin")
        writeFileSync(file, "hello, this is no firmware")
        const { code, json } = await runCli(["inspect", file, "--json"])
        assert.equal([code, json.code], [2, "HOV_CLI_FILE_KIND"])
    } finally {
        folder.remove()
    }
})

test.run()
