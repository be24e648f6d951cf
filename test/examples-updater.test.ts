import { execFile, spawnSync } from "node:child_process"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { BASE, openCloud, publish, type TestCloud, TestDevice } from "./support/cloud.ts"

const folder = join(import.meta.dirname, "../examples/updater")
const languages = [
    { name: "Python", needs: "python3", command: ["python3", join(folder, "updater.py")], checks: true },
    { name: "curl", needs: "curl", command: ["sh", join(folder, "updater.sh")], checks: false },
    { name: "TypeScript", needs: process.execPath, command: [process.execPath, "--import", "tsx", join(folder, "updater.ts")], checks: false },
]

const test = suite("the updater's examples against a server")
let cloud: TestCloud
test.before(async () => {
    cloud = await openCloud()
    await publish(cloud, "2.0.0", { sequence: 7 })
})
test.after(() => cloud?.done())

for (const { name, needs, command, checks } of languages)
    test(`${name} asks, updates and cancels`, async () => {
        if (spawnSync(needs, ["--version"]).status !== 0) return console.log(`skipped: ${needs} is not here`)
        const id = `board-${name.toLowerCase()}`
        const { token } = await cloud.must(201, "POST", "/devices", { id, app: "app" })
        const board = new TestDevice(cloud.url, id, token)
        board.actual = { ...board.actual, base: BASE, seq: 0 }
        await board.poll()
        const run = (...args: string[]): Promise<{ failed: boolean; text: string; json: any }> =>
            new Promise((resolve, reject) =>
                execFile(command[0], [...command.slice(1), id, ...args], { env: { ...process.env, HANDOVER_URL: cloud.url, HANDOVER_TOKEN: cloud.adminToken } }, (error, stdout, stderr) => {
                    if (!error && !stdout.startsWith("{")) return reject(new Error(`no JSON: ${stdout}${stderr}`))
                    resolve({ failed: error !== null, text: stdout + stderr, json: error ? undefined : JSON.parse(stdout) })
                }),
            )
        const current = await run("current")
        assert.is((current.json.actual ?? current.json).base, BASE, current.text)
        if (checks) assert.is((await run("check")).json.available, "2.0.0")
        assert.is((await run("update", "2.0.0")).json.command.release, "app@2.0.0")
        assert.is((await run("status")).json.command.release, "app@2.0.0")
        assert.ok((await run("cancel")).json.command)
        const again = await run("cancel")
        assert.ok(again.failed)
        assert.match(again.text, /HOV_API_NOT_ACTIVE/)
        board.close()
    })

test.run()
