/** The server under measurement, alone in its process; tells its memory when asked over IPC. */
import { startCloud } from "../cloud/index.ts"

const cloud = await startCloud({ dataDir: process.argv[2], logLevel: "error" })
process.on("message", message => {
    if (message !== "memory") return
    ;(globalThis as { gc?: () => void }).gc?.()
    const { rss, heapUsed, external } = process.memoryUsage()
    process.send?.({ rss, heapUsed, external, cpu: process.cpuUsage() })
})
process.send?.({ url: cloud.url, adminToken: cloud.adminToken })
