/** A server under measurement, alone in its process; tells what it used when asked over IPC. */
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks"
import { Session } from "node:inspector/promises"
import path from "node:path"
import { writeFile } from "node:fs/promises"
import { startCloud } from "../../cloud/index.ts"

const [dataDir, profile] = process.argv.slice(2)
const cloud = await startCloud({ dataDir, logLevel: "error" })
let before = process.cpuUsage()
let lag: IntervalHistogram | undefined
const session = new Session()
let connected = false
let count = 0

if (process.env.HANDOVER_STALLS) {
    let last = performance.now()
    setInterval(() => {
        const now = performance.now()
        if (now - last > 40) console.error(`${path.basename(dataDir)} stall ${Math.round(now - last)} ms at ${Math.round(now)}`)
        last = now
    }, 2)
}
process.on("message", async message => {
    if (message !== "usage") return
    const { user, system } = process.cpuUsage(before)
    const told = { cpuMs: (user + system) / 1000, lagP99Ms: (lag?.percentile(99) ?? 0) / 1e6, lagMaxMs: (lag?.max ?? 0) / 1e6 }
    if (profile !== undefined && lag !== undefined) await writeFile(profile.replace(/\.cpuprofile$/, `-${++count}$&`), JSON.stringify((await session.post("Profiler.stop")).profile))
    lag ??= monitorEventLoopDelay({ resolution: 5 })
    lag.reset()
    lag.enable()
    before = process.cpuUsage()
    if (profile !== undefined) {
        if (!connected) session.connect()
        connected = true
        await session.post("Profiler.enable")
        await session.post("Profiler.setSamplingInterval", { interval: 200 })
        await session.post("Profiler.start")
    }
    process.send?.(told)
})
process.send?.({ url: cloud.url, adminToken: cloud.adminToken })
