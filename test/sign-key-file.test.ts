import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import {
    commandSigner,
    createKeyFile,
    keyFileSigner,
    lmsParameters,
    readKeyInfo,
    readPassphrase,
    reserveLeaf,
    skipTo,
    verifySignature,
} from "../toolchain/sign/index.ts"

const test = suite("key file")
const PASSPHRASE = "correct horse battery staple"
const MESSAGE = Buffer.from("eighty bytes would be a manifest")
const folder = mkdtempSync(join(tmpdir(), "handover-keys-"))
let count = 0

/** H5 and a cheap scrypt: a key in 40 ms. */
async function newKey(): Promise<string> {
    const path = join(folder, `key-${++count}.hok`)
    await createKeyFile(path, PASSPHRASE, { parameters: lmsParameters(5, 4), scryptLogN: 4 })
    return path
}

const leafOf = (signature: Uint8Array) => Buffer.from(signature).readUInt32BE(4)

async function codeOf(act: Promise<unknown>): Promise<string> {
    try {
        await act
    } catch (error) {
        return (error as { code?: string }).code ?? String(error)
    }
    return "accepted"
}

/** A process of its own that runs `script` with the key module's exports in scope. */
function otherProcess(script: string) {
    const module = pathToFileURL(join(import.meta.dirname, "../toolchain/sign/index.ts")).href
    const file = join(folder, `process-${++count}.mts`)
    writeFileSync(file, `import * as sign from ${JSON.stringify(module)}\nconst PASSPHRASE = ${JSON.stringify(PASSPHRASE)}\n${script}`)
    const child = spawn(process.execPath, [...process.execArgv, file], { stdio: ["pipe", "pipe", "inherit"] })
    const lines = createInterface({ input: child.stdout })
    return { child, lines, line: async () => (await once(lines, "line"))[0] as string, exit: once(child, "exit") }
}

test("a key signs its leaves in order and tells how many are left", async () => {
    const path = await newKey()
    const signer = keyFileSigner(path, PASSPHRASE)
    for (let leaf = 0; leaf < 3; leaf++) {
        const signature = await signer.sign(MESSAGE)
        assert.is(leafOf(signature), leaf)
        assert.ok(verifySignature(await signer.publicKey(), MESSAGE, signature))
        assert.is(await signer.remaining(), 31 - leaf)
    }
    assert.is(readKeyInfo(path).total, 32)
    assert.match(readKeyInfo(path).keyId, /^[0-9a-f]{16}$/)
})

test("a key warns below a tenth and refuses after its last signature", async () => {
    const path = await newKey()
    assert.not((await skipTo(path, PASSPHRASE, 28)).low)
    assert.ok((await skipTo(path, PASSPHRASE, 29)).low)
    assert.is((await skipTo(path, PASSPHRASE, 5)).remaining, 3, "the counter never goes back")
    const signer = keyFileSigner(path, PASSPHRASE)
    for (let leaf = 29; leaf < 32; leaf++) assert.is(leafOf(await signer.sign(MESSAGE)), leaf)
    assert.is(await codeOf(signer.sign(MESSAGE)), "HOV_KEY_EXHAUSTED")
    assert.is(await signer.remaining(), 0)
})

test("a wrong or empty passphrase is refused and uses up nothing", async () => {
    const path = await newKey()
    assert.is(await codeOf(keyFileSigner(path, "guess").sign(MESSAGE)), "HOV_KEY_PASSPHRASE")
    assert.is(await codeOf(keyFileSigner(path, "").sign(MESSAGE)), "HOV_KEY_NO_PASSPHRASE")
    assert.is(await codeOf(createKeyFile(join(folder, "none.hok"), "")), "HOV_KEY_NO_PASSPHRASE")
    assert.is(readKeyInfo(path).remaining, 32)
    assert.not(existsSync(`${path}.lock`))
})

test("a passphrase comes from the environment or from a file, and neither is an error", () => {
    const file = join(folder, "passphrase")
    writeFileSync(file, "from a file\nsecond line\n")
    assert.is(readPassphrase({ HANDOVER_KEY_PASSPHRASE: "direct", HANDOVER_KEY_PASSPHRASE_FILE: file }), "direct")
    assert.is(readPassphrase({ HANDOVER_KEY_PASSPHRASE_FILE: file }), "from a file")
    assert.throws(() => readPassphrase({}), /HANDOVER_KEY_PASSPHRASE/)
})

test("a key file in which any byte was changed is refused, the counter's bytes included", async () => {
    const path = await newKey()
    const bytes = readFileSync(path)
    const offsets = [...Array(144).keys(), 144, 1000, bytes.length - 1]
    for (const offset of offsets) {
        const changed = Buffer.from(bytes)
        changed[offset] ^= 0x40
        writeFileSync(path, changed)
        const code = await codeOf(keyFileSigner(path, PASSPHRASE).sign(MESSAGE))
        assert.ok(code === "HOV_KEY_PASSPHRASE" || code === "HOV_KEY_FORMAT", `offset ${offset}: ${code}`)
    }
    writeFileSync(path, bytes.subarray(0, bytes.length - 1))
    assert.is(await codeOf(keyFileSigner(path, PASSPHRASE).sign(MESSAGE)), "HOV_KEY_FORMAT")
    writeFileSync(path, bytes)
    assert.is(leafOf(await keyFileSigner(path, PASSPHRASE).sign(MESSAGE)), 0)
})

test("the secret is not in the file, and others cannot read the file", async () => {
    const path = await newKey()
    const { record } = await reserveLeaf(path, PASSPHRASE)
    assert.is(readFileSync(path).indexOf(record.key.seed), -1)
    if (process.platform !== "win32") assert.is(statSync(path).mode & 0o077, 0)
})

test("a key is never overwritten, and a missing one is named", async () => {
    const path = await newKey()
    assert.is(await codeOf(createKeyFile(path, PASSPHRASE)), "HOV_KEY_EXISTS")
    assert.is(await codeOf(keyFileSigner(join(folder, "no.hok"), PASSPHRASE).sign(MESSAGE)), "HOV_KEY_MISSING")
})

test("a process killed between reserving and signing wastes that leaf, and its lock is taken over", async () => {
    const path = await newKey()
    await keyFileSigner(path, PASSPHRASE).sign(MESSAGE)
    const { exit } = otherProcess(`
        await sign.reserveLeaf(${JSON.stringify(path)}, PASSPHRASE)
        process.kill(process.pid, "SIGKILL")`)
    assert.is((await exit)[1], "SIGKILL")
    assert.is(leafOf(await keyFileSigner(path, PASSPHRASE).sign(MESSAGE)), 2)

    // One that dies while it holds the lock.
    const holder = otherProcess(`
        import { writeFileSync } from "node:fs"
        import { hostname } from "node:os"
        writeFileSync(${JSON.stringify(`${path}.lock`)}, JSON.stringify({ pid: process.pid, host: hostname() }))`)
    await holder.exit
    assert.ok(existsSync(`${path}.lock`))
    assert.is(leafOf(await keyFileSigner(path, PASSPHRASE, { waitMs: 0 }).sign(MESSAGE)), 3)
})

test("killed at any moment while signing in a loop, a key stays whole and never gives a leaf twice", async () => {
    const path = await newKey()
    const seen: number[] = []
    for (const afterLines of [1, 2, 4]) {
        const { child, lines, exit } = otherProcess(`
            const signer = sign.keyFileSigner(${JSON.stringify(path)}, PASSPHRASE)
            while (true) console.log(Buffer.from(await signer.sign(Buffer.from("x"))).readUInt32BE(4))`)
        const before = seen.length
        lines.on("line", line => {
            seen.push(Number(line))
            if (seen.length - before === afterLines) child.kill("SIGKILL")
        })
        await exit
        await codeOf(keyFileSigner(path, PASSPHRASE).sign(MESSAGE).then(signature => seen.push(leafOf(signature))))
    }
    assert.is(new Set(seen).size, seen.length, `leaves ${seen}`)
    assert.ok(readKeyInfo(path).remaining <= 32 - seen.length)
})

test("two processes that sign at once wait for each other and share no leaf", async () => {
    const path = await newKey()
    const script = `
        const signer = sign.keyFileSigner(${JSON.stringify(path)}, PASSPHRASE, { waitMs: 20000 })
        for (let i = 0; i < 8; i++) console.log(Buffer.from(await signer.sign(Buffer.from("x"))).readUInt32BE(4))`
    const leaves: number[] = []
    const processes = [otherProcess(script), otherProcess(script)]
    for (const { lines } of processes) lines.on("line", line => leaves.push(Number(line)))
    await Promise.all(processes.map(({ exit }) => exit))
    assert.equal(
        leaves.sort((a, b) => a - b),
        [...Array(16).keys()],
    )
})

test("a lock of a living process, or of another machine, is respected", async () => {
    const path = await newKey()
    for (const owner of [
        { pid: process.pid, host: hostname() },
        { pid: 1, host: "another-machine" },
    ]) {
        writeFileSync(`${path}.lock`, JSON.stringify(owner))
        assert.is(await codeOf(keyFileSigner(path, PASSPHRASE, { waitMs: 60 }).sign(MESSAGE)), "HOV_KEY_LOCKED")
    }
    rmSync(`${path}.lock`)
    assert.is(leafOf(await keyFileSigner(path, PASSPHRASE).sign(MESSAGE)), 0)
})

test("a program outside signs in place of the file, and what it gives is checked", async () => {
    const path = await newKey()
    const { publicKey } = readKeyInfo(path)
    const program = join(folder, "hsm.mts")
    const module = pathToFileURL(join(import.meta.dirname, "../toolchain/sign/index.ts")).href
    writeFileSync(
        program,
        `import * as sign from ${JSON.stringify(module)}
        const chunks = []
        for await (const chunk of process.stdin) chunks.push(chunk)
        const signature = await sign.keyFileSigner(${JSON.stringify(path)}, ${JSON.stringify(PASSPHRASE)}).sign(Buffer.concat(chunks))
        process.stdout.write(signature)`,
    )
    const command: [string, ...string[]] = [process.execPath, ...process.execArgv, program]
    const signer = commandSigner({ command, publicKey })
    assert.ok(verifySignature(publicKey, MESSAGE, await signer.sign(MESSAGE)))

    const other = readKeyInfo(await newKey()).publicKey
    assert.is(await codeOf(commandSigner({ command, publicKey: other }).sign(MESSAGE)), "HOV_SIGNER_SIGNATURE")
    const script = (text: string): [string, ...string[]] => [process.execPath, "-e", text]
    assert.is(await codeOf(commandSigner({ command: script("process.exit(3)"), publicKey }).sign(MESSAGE)), "HOV_SIGNER_FAILED")
    const slow = commandSigner({ command: script("setTimeout(() => {}, 60000)"), publicKey, timeoutMs: 300 })
    assert.is(await codeOf(slow.sign(MESSAGE)), "HOV_SIGNER_FAILED")
    assert.is(await codeOf(commandSigner({ command: [join(folder, "no-such-program")], publicKey }).sign(MESSAGE)), "HOV_SIGNER_FAILED")
})

test("when the counter cannot be written, no signature is made", async () => {
    const path = await newKey()
    mkdirSync(`${path}.tmp`)
    assert.is(await codeOf(keyFileSigner(path, PASSPHRASE).sign(MESSAGE)), "EISDIR")
    rmSync(`${path}.tmp`, { recursive: true })
    assert.is(leafOf(await keyFileSigner(path, PASSPHRASE).sign(MESSAGE)), 0)
})

test.after(() => rmSync(folder, { recursive: true, force: true }))
test.run()
