/** Our server under measurement, alone in its process, with the embedded store and a DDI tenant. */
import { startCloud } from "../../cloud/index.ts"

const cloud = await startCloud({ dataDir: process.argv[2], logLevel: "error", ddi: { tenants: [{ name: "bench", gatewayToken: "gateway-of-the-bench" }] } })
process.send?.({ url: cloud.url, adminToken: cloud.adminToken })
