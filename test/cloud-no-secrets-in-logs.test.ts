import { type ChildProcess, spawn } from "node:child_process"
import { rm } from "node:fs/promises"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { artifactFile, call, operator, temporaryFolder } from "./support/cloud.ts"

const test = suite("secrets stay out of logs")
const SERVER = `
import { startCloud } from ${JSON.stringify(new URL("../cloud/index.ts", import.meta.url).href)}
const cloud = await startCloud({ dataDir: process.argv[1], logLevel: "trace" })
process.on("SIGTERM", async () => { await cloud.close(); process.exit(0) })
console.log(JSON.stringify({ url: cloud.url, adminToken: cloud.adminToken }))
`

test("a session at the most talkative log level leaves no token, code or key in the log", async () => {
    const dataDir = await temporaryFolder()
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", SERVER, dataDir], { stdio: ["ignore", "pipe", "pipe"] })
    let log = ""
    child.stderr.on("data", bytes => (log += bytes))
    const { url, adminToken } = JSON.parse(await firstLine(child))
    const { must, api } = operator(url, adminToken)
    const secrets: string[] = [adminToken]
    const keep = (secret: string): string => {
        secrets.push(secret)
        return secret
    }

    const device = keep((await must(201, "POST", "/devices", { id: "logged" })).token)
    keep((await must(201, "POST", "/tokens", { name: "viewer", role: "viewer" })).token)
    const claim = keep((await must(201, "POST", "/claims", { seal: true })).codes[0])
    const enrolled = (await call(`${url}/v1/enrol`, { json: { id: "claimed", claim } })).body
    keep(enrolled.token)
    keep(enrolled.key)
    keep((await must(200, "PUT", "/devices/logged/key", {})).key)
    await must(200, "PUT", "/devices/logged/key", { key: null })
    const poll = (token: string) =>
        call(`${url}/v1/dfu/logged/poll?ct=0`, { token, json: { v: "1.0.0", seq: 0, base: "00112233445566aa", bank: "R", state: "idle" } })
    await poll(device)
    await must(200, "POST", "/devices/logged/token", { keepOld: true })
    await poll(keep((await poll(device)).body.token))
    const webhook = await must(201, "POST", "/webhooks", { url: "http://127.0.0.1:9/nobody-listens" })
    keep(webhook.secret)

    // what goes wrong is logged the most
    const wrong = keep("hov_a-token-that-is-wrong-but-secret")
    await poll(wrong)
    await call(`${url}/api/v1/devices?token=${wrong}`, { token: wrong })
    await call(`${url}/${wrong}`, { token: wrong })
    await call(`${url}/v1/enrol`, { json: { id: "x", claim: keep("hovc_wrong-but-secret") } })
    await call(`${url}/api/v1/devices`, { token: adminToken, raw: `{"id": "broken", "token": "${wrong}"`, headers: { "content-type": "application/json" } })
    await call(`${url}/api/v1/devices`, { token: adminToken, json: { id: "twice", token: device, more: wrong } })
    await api("POST", "/devices", { id: "twice", token: device })
    await must(201, "POST", "/releases", { app: "app", version: "1.1.0" })
    await call(`${url}/api/v1/releases/app@1.1.0/artifacts`, { token: adminToken, raw: artifactFile("1.1.0"), headers: { "content-type": "application/octet-stream" } })
    await api("DELETE", "/devices/logged")

    const ended = new Promise(resolve => child.once("exit", resolve))
    child.kill("SIGTERM")
    await ended
    await rm(dataDir, { recursive: true, force: true })
    assert.match(log, /the cloud listens/, "the log is the one that was looked at")
    assert.ok(secrets.length >= 11 && secrets.every(secret => secret.length > 16))
    for (const secret of secrets) assert.not.ok(log.includes(secret), `the log has ${secret}`)
})

function firstLine(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
        let text = ""
        child.stdout?.on("data", bytes => {
            text += bytes
            if (text.includes("\n")) resolve(text)
        })
        child.once("exit", code => reject(new Error(`the server ended with ${code}`)))
    })
}

test.run()
