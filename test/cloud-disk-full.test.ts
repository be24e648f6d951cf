/** A server whose disk takes no more, on a file system of two megabytes. Skipped, with the reason, where none can be mounted. */
import { spawnSync } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import * as assert from "uvu/assert"
import { startCloud } from "../cloud/index.ts"
import { onPostgres } from "./support/cloud-database.ts"
import { call, operator, TestDevice, until } from "./support/cloud.ts"
import { suite } from "./support/suite.ts"

const test = suite("cloud: a full disk")
const SIZE = 2 * 1024 * 1024
const folder = await mkdtemp(path.join(tmpdir(), "handover-full-"))
const isMounted = !onPostgres && spawnSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", folder], { stdio: "ignore" }).status === 0
test.after(async () => {
    // The database lets go of its file when it is collected.
    if (isMounted) spawnSync("umount", ["-l", folder])
    await rm(folder, { recursive: true, force: true })
})

if (!isMounted) {
    console.log(`skipped: ${onPostgres ? "PostgreSQL's disk is its own" : "mounting a small file system needs root"}`)
    test.skip("all of it", () => {})
} else
    test("what cannot be written is refused with 503, what can be read is shown, and with room again it goes on by itself", async () => {
        const cloud = await startCloud({ dataDir: path.join(folder, "data"), logLevel: "silent" })
        try {
            const { api, must } = operator(cloud.url, cloud.adminToken)
            const device = await TestDevice.add(cloud, "d1")
            assert.is((await device.poll()).status, 202)
            const filler = path.join(folder, "filler")
            await writeFile(filler, Buffer.alloc(2 * SIZE)).catch(() => {})
            const isFull = async (): Promise<boolean> => {
                const answer = await api("POST", "/releases", { app: "app", version: "1.0.0", notes: "n".repeat(4_000) })
                assert.ok([201, 409, 503].includes(answer.status), `${answer.status} ${answer.bytes}`)
                if (answer.status !== 503) await must(201, "POST", "/devices", { id: `more-${performance.now()}`.slice(0, 40), attributes: { a: "y".repeat(128) } }).catch(() => {})
                else assert.equal([answer.body.code, answer.headers["retry-after"]], ["HOV_API_DISK", "10"])
                return answer.status === 503
            }
            await until("the disk to be full", isFull, full => full)
            assert.equal([(await call(`${cloud.url}/healthz`)).status, (await api("GET", "/devices/d1")).status], [503, 200])
            // A status is not answered as if it were kept; the board says it again.
            assert.is((await device.status({ id: "", state: "failed", code: "HOV_X" })).status, 503)
            assert.is((await device.poll()).status, 202)
            await rm(filler)
            await until("room to be found, though nobody writes", () => call(`${cloud.url}/healthz`), answer => answer.status === 200)
            assert.is((await device.status({ id: "", state: "failed", code: "HOV_X" })).status, 200)
            assert.is((await must(200, "GET", "/devices/d1")).history[0].code, "HOV_X")
            device.close()
        } finally {
            await cloud.close()
        }
    })

test.run()
