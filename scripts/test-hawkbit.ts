/**
 * The fleet's tests with a real hawkBit behind the server:
 *
 *   npm run test:hawkbit -- [WORD…]     all of them
 *   npm run test:hawkbit -- --short     what is in hawkBit after updates, failures, rollouts
 *   npm run test:hawkbit -- --postgres  with PostgreSQL as the database in front of it (Debian's packages)
 *
 * Starts one hawkBit on loopback, with its data in memory, for all of the files; each test's server
 * has names of its own in it.
 */
import { NoHawkbit } from "./hawkbit-server/resolve.ts"
import { startHawkbit } from "./hawkbit-server/start.ts"
import { NoPostgres, startPostgres } from "./postgres-server.ts"
import { runFiles } from "../test/support/run-files.ts"
import { cloudTests } from "./cloud-tests.ts"

/** One of them starts two more of its own. */
const FILE_MS = 600_000
const words = process.argv.slice(2).filter(word => !word.startsWith("-"))
const isShort = process.argv.includes("--short")
const files = cloudTests(words, isShort ? /^cloud-hawkbit-live\.test\.ts$/ : /^(cloud|rollout)-.*\.test\.ts$/)

try {
    const postgres = process.argv.includes("--postgres") ? await startPostgres() : undefined
    if (postgres !== undefined) console.log(`PostgreSQL ${postgres.version}`)
    const hawkbit = process.env.HANDOVER_TEST_HAWKBIT === undefined ? await startHawkbit({ say: line => console.log(line) }) : undefined
    try {
        const env: NodeJS.ProcessEnv = {
            HANDOVER_TEST_PATIENCE: "8",
            ...process.env,
            ...(hawkbit === undefined ? {} : { HANDOVER_TEST_HAWKBIT: hawkbit.url }),
            ...(postgres === undefined ? {} : { HANDOVER_TEST_POSTGRES: postgres.url }),
        }
        const sums = await runFiles(files, { env, fileMs: FILE_MS })
        console.log(`${sums.passed} passed, ${sums.failed} failed${sums.skipped > 0 ? `, ${sums.skipped} skipped` : ""}`)
        process.exitCode = sums.failed > 0 || sums.passed === 0 ? 1 : 0
    } finally {
        await hawkbit?.stop()
        await postgres?.stop()
    }
} catch (error) {
    if (!(error instanceof NoHawkbit) && !(error instanceof NoPostgres)) throw error
    console.log(`0 passed, 0 failed, ${files.length} files skipped: ${error.message}`)
}
