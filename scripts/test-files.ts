/** Runs test files of the suite in processes of their own, with something in their environment, and sums up. */
import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import path from "node:path"

const folder = path.join(import.meta.dirname, "..", "test")

export interface Outcome {
    passed: number
    failed: number
    skipped: number
}

/** Files of the server's tests whose names contain one of the words. */
export const cloudTests = (words: readonly string[], pattern = /^(cloud|rollout)-.*\.test\.ts$/): string[] =>
    readdirSync(folder)
        .filter(file => pattern.test(file))
        .filter(file => words.length === 0 || words.some(word => file.includes(word)))
        .sort()

export async function runFiles(files: readonly string[], env: NodeJS.ProcessEnv, fileMs = 240_000): Promise<Outcome> {
    const sums: Outcome = { passed: 0, failed: 0, skipped: 0 }
    for (const file of files) {
        const outcome = await runFile(file, env, fileMs)
        for (const key of ["passed", "failed", "skipped"] as const) sums[key] += outcome[key]
    }
    return sums
}

async function runFile(file: string, env: NodeJS.ProcessEnv, fileMs: number): Promise<Outcome> {
    const startMs = performance.now()
    const child = spawn(process.execPath, ["--import", "tsx", path.join(folder, file)], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...env, FORCE_COLOR: "0", NO_COLOR: "1" },
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", part => (output += part))
    const timer = setTimeout(() => child.kill("SIGKILL"), fileMs)
    const code = await new Promise<number | null>(resolve => child.on("close", resolve))
    clearTimeout(timer)
    const sum = (name: string): number => [...output.matchAll(new RegExp(`^\\s*${name}:\\s+(\\d+)`, "gm"))].reduce((total, match) => total + Number(match[1]), 0)
    const passed = sum("Passed")
    const skipped = sum("Skipped")
    const failed = Math.max(sum("Total") - passed, code === 0 ? 0 : 1)
    console.log(`${failed > 0 ? "FAIL" : "ok  "} ${file} (${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}, ${((performance.now() - startMs) / 1000).toFixed(1)} s)`)
    if (failed > 0) console.log(output.replace(/^/gm, "     "))
    return { passed, failed, skipped }
}
