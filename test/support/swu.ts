/** Makes update files for swupdate: a cpio archive (format crc) whose description is signed with a key made for the test. */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import { promisify } from "node:util"

const OPENSSL_MS = 60_000
const run = (program: string, args: readonly string[]) => promisify(execFile)(program, args, { timeout: OPENSSL_MS })

/** @returns the file; `certificate.pem` in the folder is what swupdate has to trust */
export async function makeSwu(folder: string, options: { version: string; content: Uint8Array; target: string }): Promise<Buffer> {
    const key = path.join(folder, "key.pem")
    const certificate = path.join(folder, "certificate.pem")
    const config = path.join(folder, "openssl.cnf")
    await writeFile(config, "[req]\ndistinguished_name=d\nprompt=no\nx509_extensions=e\n[d]\nCN=test\n[e]\nbasicConstraints=CA:true\nkeyUsage=digitalSignature\nextendedKeyUsage=emailProtection,codeSigning\n")
    await run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config", config, "-keyout", key, "-out", certificate])
    const sha256 = createHash("sha256").update(options.content).digest("hex")
    const description = `software =\n{\n  version = "${options.version}";\n  hardware-compatibility: [ "1.0" ];\n  files: ( { filename = "content.bin"; path = "${options.target}"; sha256 = "${sha256}"; } );\n}\n`
    const file = path.join(folder, "sw-description")
    await writeFile(file, description)
    await run("openssl", ["cms", "-sign", "-in", file, "-out", `${file}.sig`, "-signer", certificate, "-inkey", key, "-outform", "DER", "-nosmimecap", "-binary"])
    return cpio([
        ["sw-description", Buffer.from(description)],
        ["sw-description.sig", await readFile(`${file}.sig`)],
        ["content.bin", options.content],
    ])
}

/** cpio "new crc" (070702): a header of hex digits before each file, everything padded to four bytes. */
function cpio(files: readonly (readonly [string, Uint8Array])[]): Buffer {
    const parts: Buffer[] = []
    const add = (name: string, bytes: Uint8Array, inode: number): void => {
        const sum = bytes.reduce((total, byte) => (total + byte) >>> 0, 0)
        const fields = [inode, 0o100644, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, name === "TRAILER!!!" ? 0 : sum]
        const head = `070702${fields.map(field => field.toString(16).padStart(8, "0")).join("")}${name}\0`
        parts.push(padded(Buffer.from(head)), padded(Buffer.from(bytes)))
    }
    for (const [index, [name, bytes]] of files.entries()) add(name, bytes, index + 1)
    add("TRAILER!!!", Buffer.alloc(0), 0)
    const all = Buffer.concat(parts)
    return Buffer.concat([all, Buffer.alloc((512 - (all.length % 512)) % 512)])
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
