#!/usr/bin/env node
import { CommanderError } from "commander"
import { describeError } from "./describe-error.ts"
import { EXIT } from "./exit-codes.ts"
import { handoverProgram } from "./program.ts"

const json = process.argv.includes("--json")
const verbose = process.argv.includes("--verbose")

// a reader that has seen enough (`handover … | head`) is no error
process.stdout.on("error", (e: NodeJS.ErrnoException) => {
    if (e.code === "EPIPE") process.exit(EXIT.ok)
    throw e
})

try {
    await (await handoverProgram(process.argv.slice(2))).parseAsync()
} catch (e) {
    if (e instanceof CommanderError) {
        process.exitCode = e.exitCode === 0 ? EXIT.ok : EXIT.usage
        if (json && e.exitCode !== 0) process.stdout.write(`${JSON.stringify({ ok: false, code: "HOV_CLI_USAGE", message: e.message.replace(/^error: /, "") })}\n`)
    } else {
        const { exitCode, code, message, help, detail } = describeError(e)
        process.exitCode = exitCode
        if (json) process.stdout.write(`${JSON.stringify({ ok: false, code, message, help, ...detail })}\n`)
        else process.stderr.write(`${code}: ${message}\n${help ? `${help}\n` : ""}`)
        if (verbose) process.stderr.write(`${(e as Error).stack}\n`)
    }
}
