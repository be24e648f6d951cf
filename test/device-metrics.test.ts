import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("metrics of an update")

/** The two lines of docs/updater.md, as they stand there. */
const lines = readFileSync(join(import.meta.dirname, "../docs/updater.md"), "utf8")
    .split("\n")
    .filter(line => line.startsWith("onMetric("))

test("the examples in the documentation print them, and send them to a webhook", async () => {
    assert.is(lines.length, 2)
    const events: { event: string; bytes: number; version: string }[] = []
    let arrived = () => {}
    const hook = createServer(async (request, response) => {
        let body = ""
        for await (const chunk of request) body += chunk
        events.push(JSON.parse(body))
        response.writeHead(200, { "Content-Length": 2 }).end("ok")
        arrived()
    })
    await new Promise<void>(resolve => hook.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`
    const bench = await DeviceBench.open({
        "main.ts": `
import { fetch } from "@devicescript/net"
import { startResident, withNetwork } from "./resident"
import { onMetric } from "./metrics"

await startResident()
${lines.join("\n").replace("http://10.0.0.2/hook", url)}
`,
    })
    try {
        const board = await bench.started()
        const confirmed = new Promise<void>(resolve => {
            arrived = () => events.some(e => e.event === "confirmed") && resolve()
        })
        const command = bench.update(plainImage({ sequence: 1 }), { sequence: 1 })
        bench.server.give(command)
        await board.waitForLine(/^> \{.*"event":"confirmed"/, 20_000)
        await Promise.race([confirmed, new Promise((_, reject) => setTimeout(() => reject(new Error(`the hook got ${JSON.stringify(events)}`)), 20_000).unref())])
        assert.equal(events.map(e => e.event).filter(e => e === "trial" || e === "confirmed"), ["trial", "confirmed"])
        assert.is(events.at(-1)?.version, "1.1.0")
    } finally {
        await bench.close()
        hook.close()
    }
})

test.run()
