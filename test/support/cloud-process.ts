/**
 * A cloud in a process of its own: `tsx cloud-process.ts DATA_DIR [TIMINGS_JSON [PORT [DDI_JSON]]]` prints one line of
 * JSON when it listens.
 */
import { startCloud } from "../../cloud/index.ts"
import { databaseOf, hawkbitOf } from "./cloud-database.ts"

const [dataDir, timings, port, ddi] = process.argv.slice(2)
const cloud = await startCloud({
    dataDir,
    databaseUrl: await databaseOf(dataDir),
    hawkbit: hawkbitOf(dataDir),
    port: port === undefined ? 0 : Number(port),
    ddi: ddi === undefined ? undefined : JSON.parse(ddi),
    logLevel: "error",
    timings: timings === undefined ? undefined : JSON.parse(timings),
})
console.log(JSON.stringify({ url: cloud.url, adminToken: cloud.adminToken }))
