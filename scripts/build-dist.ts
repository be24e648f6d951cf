/**
 * What `npm pack` ships of the host half: plain JavaScript in dist/, with the data files beside it.
 *
 *   npm run build:dist
 */
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { build } from "vite"

const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")
const rooms = ["toolchain", "cloud", "cli", "sim"]

rmSync(dist, { recursive: true, force: true })
execFileSync(process.execPath, [createRequire(import.meta.url).resolve("typescript/bin/tsc"), "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" })
for (const room of rooms)
    for (const file of readdirSync(join(root, room), { recursive: true, encoding: "utf8" })) {
        if (!file.endsWith(".json") && !/^templates[/\\]/.test(file)) continue
        const target = join(dist, room, file)
        mkdirSync(dirname(target), { recursive: true })
        copyFileSync(join(root, room, file), target)
    }
await build({ configFile: join(root, "console/vite.config.ts"), logLevel: "warn" })
// modules of the host ask it for the version
copyFileSync(join(root, "package.json"), join(dist, "package.json"))
