/**
 * A hawkBit to try things with: `scripts/hawkbit [--port N] [--version V]`, ends with Ctrl+C.
 * `--version 1.0.4` asks for the assembled update server of that version.
 */
import { parseArgs } from "node:util"
import { NoHawkbit } from "./resolve.ts"
import { startHawkbit } from "./start.ts"

const { values } = parseArgs({ options: { port: { type: "string" }, version: { type: "string" } } })
try {
    const hawkbit = await startHawkbit({
        say: line => console.error(line),
        ...(values.port === undefined ? {} : { port: Number(values.port) }),
        ...(values.version === undefined ? {} : { version: values.version }),
    })
    console.log(`HANDOVER_STORE=hawkbit HAWKBIT_URL=${hawkbit.url} HAWKBIT_USER=${hawkbit.user} HAWKBIT_PASSWORD=${hawkbit.password}`)
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void hawkbit.stop())
} catch (error) {
    if (!(error instanceof NoHawkbit)) throw error
    console.error(`skipped: ${error.message}`)
    process.exitCode = 1
}
