/**
 * The cloud's tests on PostgreSQL:
 *
 *   npm run test:pg -- [WORD…]
 *
 * Starts a server of Debian's packages on loopback, with its data in a temporary folder, runs the
 * same test files that run on the embedded database, and those that need several processes.
 */
import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import path from "node:path"
import { NoPostgres, startPostgres } from "./postgres-server.ts"

const FILE_MS = 400_000
const folder = path.join(import.meta.dirname, "..", "test")
const words = process.argv.slice(2).filter(word => !word.startsWith("-"))
const files = readdirSync(folder)
    .filter(file => /^(cloud|rollout)-.*\.test\.ts$/.test(file))
    .filter(file => words.length === 0 || words.some(word => file.includes(word)))
    .sort()

try {
    const postgres = await startPostgres()
    console.log(`PostgreSQL ${postgres.version}`)
    const sums = { passed: 0, failed: 0, skipped: 0 }
    try {
        for (const file of files) {
            const outcome = await runFile(file, postgres.url)
            for (const key of ["passed", "failed", "skipped"] as const) sums[key] += outcome[key]
        }
    } finally {
        await postgres.stop()
    }
    console.log(`${sums.passed} passed, ${sums.failed} failed${sums.skipped > 0 ? `, ${sums.skipped} skipped` : ""}`)
    process.exitCode = sums.failed > 0 || sums.passed === 0 ? 1 : 0
} catch (error) {
    if (!(error instanceof NoPostgres)) throw error
    console.log(`0 passed, 0 failed, ${files.length} files skipped: ${error.message}`)
}

async function runFile(file: string, url: string): Promise<{ passed: number; failed: number; skipped: number }> {
    const startMs = performance.now()
    const child = spawn(process.execPath, ["--import", "tsx", path.join(folder, file)], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { HANDOVER_TEST_PATIENCE: "8", ...process.env, HANDOVER_TEST_POSTGRES: url, FORCE_COLOR: "0", NO_COLOR: "1" },
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", part => (output += part))
    const timer = setTimeout(() => child.kill("SIGKILL"), FILE_MS)
    const code = await new Promise<number | null>(resolve => child.on("close", resolve))
    clearTimeout(timer)
    const sum = (name: string): number => [...output.matchAll(new RegExp(`^\\s*${name}:\\s+(\\d+)`, "gm"))].reduce((total, match) => total + Number(match[1]), 0)
    const passed = sum("Passed")
    const skipped = sum("Skipped")
    const failed = Math.max(sum("Total") - passed - skipped, code === 0 ? 0 : 1)
    console.log(`${failed > 0 ? "FAIL" : "ok  "} ${file} (${passed} passed, ${failed} failed, ${((performance.now() - startMs) / 1000).toFixed(1)} s)`)
    if (failed > 0) console.log(output.replace(/^/gm, "     "))
    return { passed, failed, skipped }
}
