/** Updates with hawkBit behind the server: feedbacks for each, and reads of their image by a server without a copy. */
import { rm } from "node:fs/promises"
import { Agent } from "node:http"
import path from "node:path"
import type { HawkbitServer } from "../hawkbit-server/start.ts"
import { HAWKBIT_DEFAULTS } from "../../cloud/hawkbit/options.ts"
import { call, openCloud, publish, TestDevice, until } from "../../test/support/cloud.ts"

export async function measureUpdates(hawkbit: HawkbitServer, boards: number) {
    const prefix = "bench."
    const options = { ...HAWKBIT_DEFAULTS, url: hawkbit.url, user: hawkbit.user, password: hawkbit.password, prefix, pollMs: 200 }
    const cloud = await openCloud({ hawkbit: options, logLevel: "fatal" })
    const health = async () => (await call(`${cloud.url}/healthz`)).body.hawkbit
    const told = () => until("hawkBit to be told", health, ({ state, behind }) => state === "ok" && behind === 0, 60_000)
    await publish(cloud, "1.1.0")
    const devices = await Promise.all(Array.from({ length: boards }, (_, n) => TestDevice.add(cloud, `u-${n}`)))
    for (const device of devices) await device.poll()
    await told()
    let command: any
    for (const device of devices) {
        await cloud.must(202, "POST", `/devices/${device.id}/update`, { version: "1.1.0" })
        command = (await device.poll(10)).body
        // A board tells each step, and its progress more often than that.
        for (let done = 0; done < command.len; done += 30) await device.status({ id: command.id, state: "downloading", done, of: command.len })
        await told()
        await device.install(command)
    }
    await told()
    const authorization = `Basic ${Buffer.from(`${hawkbit.user}:${hawkbit.password}`).toString("base64")}`
    // A connection that idled while boards updated may be closed at any moment.
    const agent = new Agent({ keepAlive: false })
    const ask = async (route: string): Promise<any> => (await call(`${hawkbit.url}/rest/v1/${route}`, { headers: { authorization }, agent })).body
    let most = 0
    for (const { id } of devices) {
        const { content } = await ask(`targets/${prefix}${id}/actions`)
        if (content.length !== 1) throw new Error(`${id} has ${content.length} actions`)
        // What hawkBit has of it: our feedbacks, and its own first entry.
        most = Math.max(most, (await ask(`targets/${prefix}${id}/actions/${content[0].id}/status`)).total)
    }
    const feedbacks = await figure(cloud, "handover_hawkbit_feedbacks_total")
    await cloud.close()

    await rm(path.join(cloud.dataDir, "blobs"), { recursive: true })
    const other = await openCloud({ dataDir: cloud.dataDir, hawkbit: options, logLevel: "fatal" })
    await Promise.all(
        devices.map(async ({ token }) => {
            for (let offset = 0; offset < command.len; offset += 30) {
                const length = Math.min(30, command.len - offset)
                const answer = await call(`${other.url}/v1/blobs/${command.img}?offset=${offset}&length=${length}`, { token })
                if (answer.status !== 200) throw new Error(`blob: ${answer.status}`)
            }
        }),
    )
    const reads = await figure(other, "handover_hawkbit_artifact_reads_total")
    for (const device of devices) device.close()
    await other.done()
    return { updates: boards, feedbacksPerUpdate: Number((feedbacks / boards).toFixed(2)), statusEntriesPerActionMax: most, imageFetches: boards * Math.ceil(command.len / 30), artifactReadsPerImage: reads }
}

async function figure(cloud: { url: string; adminToken: string }, name: string): Promise<number> {
    const text = (await call(`${cloud.url}/metrics`, { token: cloud.adminToken })).bytes.toString()
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1])
}
