import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { buildProgram, type BuiltProgram } from "./build-program.ts"

const ROOT = join(import.meta.dirname, "../..")

/** All device sources, by path relative to `src/`. */
export function deviceSources(): Record<string, string> {
    const src = join(ROOT, "src")
    const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(name => name.endsWith(".ts"))
    return Object.fromEntries(files.map(name => [relative(src, join(src, name)), readFileSync(join(src, name), "utf8")]))
}

/**
 * Builds the firmware: `src/` as it is, with the given files in place of its own.
 * `main.ts` may be replaced like any other.
 */
export function buildFirmware(replaced: Record<string, string> = {}): Promise<BuiltProgram> {
    return build({ ...deviceSources(), ...replaced })
}

/** The plain loader has no objects to bring up. */
const noMigrations = `
export interface Migration { to: number }
export function migrate(constructor_: any, migration: Migration) {}
export function schemaOf(object: any) { return 1 }
export function bringUpSaved(object: any, fields: any, version: number) {}
export function bringUpWhole(object: any) {}
`

/** The firmware with the loader of `test/device/plain-loader.ts`, whose images are only a header and a deed. */
export function buildPlainFirmware(replaced: Record<string, string> = {}): Promise<BuiltProgram> {
    const loader = readFileSync(join(ROOT, "test/device/plain-loader.ts"), "utf8")
    const others = Object.entries(deviceSources()).filter(([path]) => !path.startsWith("hotswap/") || path === "hotswap/plain.ts")
    return build({ ...Object.fromEntries(others), "hotswap/index.ts": loader, "hotswap/migration.ts": noMigrations, ...replaced })
}

function build({ "main.ts": main, ...files }: Record<string, string>): Promise<BuiltProgram> {
    const services = join(ROOT, "services")
    const projectFiles = Object.fromEntries(readdirSync(services).map(name => [`services/${name}`, readFileSync(join(services, name), "utf8")]))
    return buildProgram(main, { files, projectFiles })
}
