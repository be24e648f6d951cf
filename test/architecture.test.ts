import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"

/** Who may import whom: DESIGN's rooms, imports run downhill only. */
const root = join(import.meta.dirname, "..")
const hostRules: Record<string, readonly string[]> = {
    cli: ["cli", "cloud", "toolchain", "sim"],
    sim: ["sim", "toolchain"],
    cloud: ["cloud", "toolchain/format"],
    toolchain: ["toolchain"],
}
const deviceRules: Record<string, readonly string[]> = {
    "src/hotswap": ["src/hotswap"],
    "src/bootloader": ["src/bootloader", "src/hotswap"],
    "src/dfu": ["src/dfu", "src/bootloader", "src/hotswap"],
    "src/app": ["src/app", "src/index", "src/resident", "src/updater"],
}

interface Import {
    readonly from: string
    readonly target: string
}

function imports(folder: string): Import[] {
    const found: Import[] = []
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
        if (!/\.tsx?$/.test(name) || name.includes("node_modules")) continue
        const file = join(root, folder, name)
        for (const [, path] of readFileSync(file, "utf8").matchAll(/(?:^import\s+|^(?:import|export)\b[^"'`;]*\bfrom\s*|\bimport\(\s*)["']([^"'\n]+)["']/gm))
            found.push({ from: relative(root, file), target: path.startsWith(".") ? relative(root, resolve(dirname(file), path)) : path })
    }
    return found
}

const isPackage = (target: string) => !/^(cli|sim|cloud|toolchain|src|test|console|scripts|examples)\b/.test(target)
const allowed = (target: string, rooms: readonly string[]) => rooms.some(room => target === room || target.startsWith(`${room}/`))

const test = suite("architecture")

for (const [room, rooms] of Object.entries(hostRules))
    test(`${room} imports only ${rooms.join(", ")} and packages`, () => {
        const wrong = imports(room).filter(i => !isPackage(i.target) && !allowed(i.target, rooms))
        assert.equal(wrong, [])
    })

for (const [room, rooms] of Object.entries(deviceRules))
    test(`${room} imports only ${rooms.join(", ")} and @devicescript packages`, () => {
        const wrong = imports(room).filter(i => (isPackage(i.target) ? !i.target.startsWith("@devicescript/") : !allowed(i.target, rooms)))
        assert.equal(wrong, [])
    })

test("host rooms import the device's packages nowhere", () => {
    for (const room of Object.keys(hostRules)) assert.equal(imports(room).filter(i => /^@devicescript\/(core|net|server|settings|crypto)/.test(i.target)), [])
})

const API_TYPES = ["documents.ts", "rollout-documents.ts", "server-documents.ts"].map(file => `cloud/operator-api/${file}`)

test("console imports only itself, preact, uplot and the API's types: all else would be in the browser's way", () => {
    const wrong = imports("console/src").filter(i => (isPackage(i.target) ? !/^(preact|uplot)(\/|$)/.test(i.target) : !allowed(i.target, ["console/src", ...API_TYPES])))
    assert.equal(wrong, [])
    assert.equal(imports("cloud/operator-api").filter(i => API_TYPES.includes(i.from)), [])
    for (const file of API_TYPES) assert.not.match(readFileSync(join(root, file), "utf8"), /^export (?!interface|type)/m)
})

test("what the host rooms import at run time comes with the package", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { dependencies: Record<string, string> }
    const packageName = (target: string) => /^(@[^/]+\/[^/]+|[^/]+)/.exec(target)![1]
    const known = (target: string) => target.startsWith("node:") || Object.hasOwn(dependencies, packageName(target))
    for (const room of Object.keys(hostRules)) assert.equal(imports(room).filter(i => isPackage(i.target) && !known(i.target)), [])
})

test.run()
