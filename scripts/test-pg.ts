/**
 * The cloud's tests on PostgreSQL:
 *
 *   npm run test:pg -- [WORD…]
 *
 * Starts a server of Debian's packages on loopback, with its data in a temporary folder, runs the
 * same test files that run on the embedded database, and those that need several processes.
 */
import { NoPostgres, startPostgres } from "./postgres-server.ts"
import { runFiles } from "../test/support/run-files.ts"
import { cloudTests } from "./cloud-tests.ts"

const FILE_MS = 400_000
const files = cloudTests(process.argv.slice(2).filter(word => !word.startsWith("-")))

try {
    const postgres = await startPostgres()
    console.log(`PostgreSQL ${postgres.version}`)
    try {
        const sums = await runFiles(files, { env: { HANDOVER_TEST_PATIENCE: "8", ...process.env, HANDOVER_TEST_POSTGRES: postgres.url }, fileMs: FILE_MS })
        console.log(`${sums.passed} passed, ${sums.failed} failed${sums.skipped > 0 ? `, ${sums.skipped} skipped` : ""}`)
        process.exitCode = sums.failed > 0 || sums.passed === 0 ? 1 : 0
    } finally {
        await postgres.stop()
    }
} catch (error) {
    if (!(error instanceof NoPostgres)) throw error
    console.log(`0 passed, 0 failed, ${files.length} files skipped: ${error.message}`)
}
