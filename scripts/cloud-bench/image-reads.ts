/** How often the place that blobs lie in is read while a fleet of some size fetches one image. */
import { rm } from "node:fs/promises"
import { call, operator, publish, TestDevice, temporaryFolder } from "../../test/support/cloud.ts"
import { startProcess } from "../../test/support/server-process.ts"

export async function measureImageReads(boards: number): Promise<{ boards: number; reads: number }> {
    const dataDir = await temporaryFolder()
    const first = await startProcess(dataDir)
    const { image } = await publish(first, "1.1.0")
    const { items } = await operator(first.url, first.adminToken).must(201, "POST", "/devices/batch", { devices: Array.from({ length: boards }, (_, n) => ({ id: `r${n}` })) })
    // A new process has nothing in memory: what it gives out it has to read.
    await first.kill()
    const second = await startProcess(dataDir)
    const before = await readsOf(second)
    await Promise.all(
        items.map(async ({ id, token }: { id: string; token: string }) => {
            const device = new TestDevice(second.url, id, token)
            const { status } = await call(`${second.url}/v1/blobs/${image}`, { token, agent: device.agent })
            device.close()
            if (status !== 200) throw new Error(`blob: ${status}`)
        }),
    )
    const reads = (await readsOf(second)) - before
    await second.kill()
    await rm(dataDir, { recursive: true, force: true })
    return { boards, reads }
}

async function readsOf({ url, adminToken }: { url: string; adminToken: string }): Promise<number> {
    const { bytes } = await call(`${url}/metrics`, { token: adminToken })
    const found = /^handover_blob_reads_total (\d+)$/m.exec(bytes.toString())
    if (found === null) throw new Error("the metrics have no blob reads")
    return Number(found[1])
}
