/** A cloud in a process of its own: `tsx cloud-process.ts DATA_DIR` prints one line of JSON when it listens. */
import { startCloud } from "../../cloud/index.ts"

const cloud = await startCloud({ dataDir: process.argv[2], logLevel: "error" })
console.log(JSON.stringify({ url: cloud.url, adminToken: cloud.adminToken }))
