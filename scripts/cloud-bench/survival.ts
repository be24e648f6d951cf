/** What devices reported, SIGKILL 5 s after the last answer, and what a new process knows of it. */
import { rm } from "node:fs/promises"
import { operator, TestDevice, temporaryFolder } from "../../test/support/cloud.ts"
import { startProcess } from "../../test/support/server-process.ts"

const WAIT_MS = 5_000

export interface Survival {
    readonly devices: number
    readonly waitMs: number
    /** Devices whose last report is not what the new process shows. */
    readonly lost: number
}

export async function measureSurvival(count: number): Promise<Survival> {
    const dataDir = await temporaryFolder()
    const first = await startProcess(dataDir)
    const added = await operator(first.url, first.adminToken).must(201, "POST", "/devices/batch", { devices: Array.from({ length: count }, (_, n) => ({ id: `s${n}` })) })
    for (const [n, { id, token }] of added.items.entries()) {
        const device = new TestDevice(first.url, id, token)
        // Twice: a change of what is known is another case than the first report.
        for (const boot of [1, 100 + n]) {
            device.actual.boot = boot
            const { status } = await device.poll()
            if (status !== 202) throw new Error(`poll: ${status}`)
        }
        device.close()
    }
    await new Promise(resolve => setTimeout(resolve, WAIT_MS))
    await first.kill()
    const second = await startProcess(dataDir)
    const { must } = operator(second.url, second.adminToken)
    let lost = 0
    for (let n = 0; n < count; n++) if ((await must(200, "GET", `/devices/s${n}`)).actual?.boots !== 100 + n) lost++
    await second.kill()
    await rm(dataDir, { recursive: true, force: true })
    return { devices: count, waitMs: WAIT_MS, lost }
}
