/**
 * A signer outside this process: an HSM's tool, a CI step, a script that asks a person.
 *
 * The program gets the message on its standard input and writes the HSS signature
 * to its standard output, raw. It keeps the private key and its counter; Handover
 * knows only the public key, and checks what comes back before it is used.
 */
import { spawn } from "node:child_process"
import { verifySignature } from "./lms-verify.ts"
import { SignError } from "./sign-error.ts"
import type { Signer } from "./signer.ts"

/** No HSS signature of Handover's parameter sets is longer than 2,672 bytes. */
const OUTPUT_MAX_SIZE_BYTES = 65_536

export interface CommandSignerOptions {
    /** Program and arguments; no shell is involved. */
    command: readonly [string, ...string[]]
    /** The HSS public key (60 bytes) whose private half the program holds. */
    publicKey: Uint8Array
    /** Default 60,000: a person may have to touch a token. */
    timeoutMs?: number
}

export function commandSigner(options: CommandSignerOptions): Signer {
    return {
        publicKey: async () => options.publicKey,
        remaining: async () => undefined,
        sign: async message => {
            const signature = await run(options, message)
            if (!verifySignature(options.publicKey, message, signature))
                throw new SignError(
                    "HOV_SIGNER_SIGNATURE",
                    `${options.command[0]} gave ${signature.length} bytes that are no signature of this message under the expected public key`,
                )
            return signature
        },
    }
}

function run(options: CommandSignerOptions, message: Uint8Array): Promise<Uint8Array> {
    const [program, ...args] = options.command
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] })
    // Not the option of `spawn`: that timer outlives a program that could not be started.
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 60_000)
    return new Promise<Uint8Array>((resolve, reject) => {
        const fail = (what: string) => reject(new SignError("HOV_SIGNER_FAILED", `the signer ${program} ${what}`))
        const chunks: Buffer[] = []
        let sizeBytes = 0
        child.stdout.on("data", (chunk: Buffer) => {
            sizeBytes += chunk.length
            if (sizeBytes <= OUTPUT_MAX_SIZE_BYTES) chunks.push(chunk)
            else child.kill("SIGKILL")
        })
        child.on("error", error => fail(`did not start: ${error.message}`))
        child.on("close", (code, signal) => {
            if (code === 0) resolve(Buffer.concat(chunks))
            else fail(code === null ? `was ended by ${signal} (too slow, or too much output)` : `ended with code ${code}`)
        })
        child.stdin.on("error", () => undefined) // It may end without reading; its exit code says so.
        child.stdin.end(message)
    }).finally(() => clearTimeout(timer))
}
