import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { withBusServer, withResident } from "../cli/init/entry-file.ts"
import { lineDiff } from "../cli/init/line-diff.ts"
import { type Change, InitError, planInit } from "../cli/init/plan.ts"
import { runCli, temporaryFolder } from "./support/cli.ts"

const test = suite("init")
const options = { folder: "My Board", entry: "src/main.ts", handover: "^0.1.0", devicescript: "2.16.4", service: "# service\n" }

function apply(files: Readonly<Record<string, string>>, changes: readonly Change[]): Record<string, string> {
    return { ...files, ...Object.fromEntries(changes.map(c => [c.path, c.after])) }
}
const plan = (files: Readonly<Record<string, string>>) => planInit(path => files[path], options)

test("an empty folder becomes a project, and a second run changes nothing", () => {
    const files = apply({}, plan({}))
    assert.is(JSON.parse(files["package.json"]).name, "my-board")
    assert.match(files["src/main.ts"], /^import \{ startResident \} from "handover"\n/)
    assert.equal(plan(files), [])
})

test("a project keeps all that it has", () => {
    const before = {
        "package.json": '{\n  "name": "lamp",\n  "dependencies": { "@devicescript/cli": "2.16.3" }\n}\n',
        "src/main.ts": '// Lamp\n\nimport * as ds from "@devicescript/core"\n\nsetInterval(() => console.log("on"), 100)',
        ".gitignore": "/node_modules\nbuilt\n# mine",
        "devsconfig.json": '{ "hwInfo": {} }',
        ".vscode/tasks.json": "{}",
    }
    const changes = plan(before)
    const after = apply(before, changes)
    assert.equal(JSON.parse(after["package.json"]).dependencies, { "@devicescript/cli": "2.16.3", handover: "^0.1.0" })
    assert.match(after["package.json"], /^\{\n {2}"name"/, "the file's own indent")
    const [imports, calls] = ['import { startResident } from "handover"\nimport { startBootloaderServer } from "handover/src/bus"\n', "startBootloaderServer()\nawait startResident()\n"]
    assert.is(after["src/main.ts"], `// Lamp\n\n${imports}import * as ds from "@devicescript/core"\n\nsetInterval(() => console.log("on"), 100)\n\n${calls}`)
    assert.is(after[".gitignore"], "/node_modules\nbuilt\n# mine\n.devicescript/\nkeys/\nhandover-data/\n.env.local\n*.env\n")
    assert.not.ok(changes.some(c => c.path === "devsconfig.json" || c.path === ".vscode/tasks.json"))
    assert.equal(plan(after), [])
})

test("a program that uses the library already gets only what it lacks", () => {
    assert.is(withResident('import { migrate } from "handover"\nmigrate(A, {})\n'), 'import { startResident, migrate } from "handover"\nmigrate(A, {})\n\nawait startResident()\n')
    const done = 'import { startResident as go } from "handover";\nimport "./app";\nawait startResident();\n'
    assert.is(withResident(done), done)
})

test("the Jacdac service is started where the resident is, once", () => {
    const inBlock = 'import { startResident } from "handover"\nasync function go() {\n    await startResident()\n}\n'
    const withBus = withBusServer(inBlock)
    assert.match(withBus, /go\(\) \{\n {4}startBootloaderServer\(\)\n {4}await startResident\(\)\n\}/)
    assert.is(withBusServer(withBus), withBus)
    assert.is(withBusServer("noResident()\n"), "noResident()\n")
})

test("line ends and semicolons are the file's own", () => {
    assert.is(withResident('import "./a";\r\na();\r\n'), 'import { startResident } from "handover";\r\nimport "./a";\r\na();\r\n\r\nawait startResident();\r\n')
})

test("what cannot be read is said, and nothing is planned", () => {
    assert.throws(() => plan({ "package.json": "{" }), (e: Error) => e instanceof InitError && /not valid JSON/.test(e.message))
    assert.throws(() => plan({ "package.json": "{}", "devsconfig.json": "{}" }), (e: Error) => e instanceof InitError && /--entry/.test(e.message))
})

test("a shown difference holds every line that goes and comes", () => {
    const line = fc.constantFrom("a", "b", "c", "")
    const text = fc.array(line, { maxLength: 12 }).map(lines => lines.map(l => `${l}\n`).join(""))
    const seed = Number(process.env.SEED ?? 1)
    fc.assert(
        fc.property(text, text, (before, after) => {
            const shown = lineDiff(before, after).split("\n")
            const count = (sign: string) => shown.filter(l => l[0] === sign).length
            assert.is(before.split("\n").length - count("-"), after.split("\n").length - count("+"))
            if (before === after) assert.is(count("-") + count("+"), 0)
        }),
        { seed },
    )
})

test("the command shows the changes, writes them once, and only shows with --dry-run", async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder.path, "src"))
    writeFileSync(join(folder.path, "src/main.ts"), 'console.log("hello")\n')
    const run = (...args: string[]) => runCli(["init", ...args, "--project", folder.path])
    const dry = await run("--dry-run")
    assert.match(dry.stdout, /changed {2}src\/main\.ts\n {4}\+import \{ startResident \} from "handover"/)
    assert.is(readFileSync(join(folder.path, "src/main.ts"), "utf8"), 'console.log("hello")\n')
    const first = await run("--bus", "--json")
    assert.equal([first.code, first.json.changes.some((c: { path: string }) => c.path === "services/bootloader.md")], [0, true])
    const kept = readFileSync(join(folder.path, "src/main.ts"), "utf8")
    const second = await run("--bus", "--json")
    assert.equal(second.json.changes, [])
    assert.is(readFileSync(join(folder.path, "src/main.ts"), "utf8"), kept)
})

test.run()
