import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { Browser } from "playwright-core"
import { encodeImageMap } from "../toolchain/format/image-map.ts"
import { buildConsole, findChromium, Look, openBrowser } from "./support/browser.ts"
import { artifactFile, BASE, call, openCloud, TestDevice, type TestCloud, until } from "./support/cloud.ts"
import { CutLine } from "./support/cut-line.ts"
import { ready, viewsOf } from "./support/console-views.ts"

/** The short form; `npm run test:console` has a fleet of 10,000, boards with the VM, and screenshots. */
const found = findChromium()
const test = suite<{ cloud: TestCloud; browser: Browser; devices: TestDevice[] }>("the console")

if ("missing" in found) {
    console.log(`skipped: ${found.missing}`)
    test.skip("the console in Chromium", () => undefined)
} else {
    test.before(async context => {
        buildConsole()
        context.browser = await openBrowser(found.path)
        context.cloud = await openCloud({ timings: { rolloutTickMs: 50, sweepMs: 50, sampleMs: 50 } })
        context.devices = []
    })
    test.after(async context => {
        await context.browser.close()
        for (const device of context.devices) device.close()
        await context.cloud.done()
    })

    test("an empty server says what to do, and a device that is added appears by itself", async ({ cloud, browser, devices }) => {
        const look = await Look.open(browser, cloud.url)
        await look.page.goto(`${cloud.url}/console/`)
        await look.page.getByLabel("Token").fill("hov_not-a-token-of-anybody")
        await look.page.getByRole("button", { name: "Sign in" }).click()
        await look.page.getByRole("alert").getByText("HOV_API_TOKEN_WRONG").waitFor()
        await look.signIn(cloud.adminToken)
        await look.page.getByText("There are no devices yet.").waitFor()
        await look.page.locator(".is-live").waitFor()
        devices.push(await TestDevice.add(cloud, "board-0", { app: "app" }))
        await devices[0].poll()
        await look.page.getByRole("list", { name: "The fleet in figures" }).getByText("1", { exact: true }).first().waitFor()
        assert.equal(look.offences, [])
        await look.close()
    })

    test("files that were built are published, previewed, rolled out, paused with one click and aborted with two", async ({ cloud, browser, devices }) => {
        for (let n = 1; n < 24; n++) {
            const device = await TestDevice.add(cloud, `board-${n}`, { app: "app", attributes: { site: n % 2 ? "hall" : "lab" } })
            await device.poll()
            devices.push(device)
        }
        const look = await Look.open(browser, cloud.url)
        const { page } = look
        await look.signIn(cloud.adminToken, "publish")
        const artifact = artifactFile("1.1.0", { sequence: 5 })
        const digest = artifact.subarray(32, 64).toString("hex")
        const map = encodeImageMap({ format: "handover-image-map", formatVersion: 1, baseId: BASE, version: "1.1.0", sequence: 5, imageDigest: digest, paths: ["src/app/heater.ts"], functions: [{ name: "regulate", key: "k", path: 0, lines: [[0, 0, 12]] }] })
        await page.getByLabel(/Artifacts/).setInputFiles([
            { name: "base.hoa", mimeType: "application/octet-stream", buffer: artifact },
            { name: "base.map.json", mimeType: "application/json", buffer: Buffer.from(map) },
            { name: "holiday.json", mimeType: "application/json", buffer: Buffer.from("{}") },
        ])
        await page.getByText("Left out, because it is none of these: holiday.json").waitFor()
        await page.getByText("24 devices").waitFor()
        await page.getByLabel("Notes").fill("warmer")
        await page.getByRole("button", { name: "Publish app@1.1.0" }).click()
        await page.getByText("app@1.1.0 is published.").waitFor()
        assert.equal((await cloud.must(200, "GET", "/releases/app@1.1.0")).maps.length, 1)

        await page.getByRole("link", { name: "roll it out" }).click()
        await look.heading("Start a rollout")
        await page.getByLabel("Filter").fill("attr.site = hall")
        await page.locator(".preview:not(.stale)").getByText("12 of 12 devices would get app@1.1.0").waitFor()
        await page.getByLabel("Filter").fill("attr.site = ")
        await page.getByText("HOV_API_BAD_FILTER").waitFor()
        await page.getByLabel("Filter").fill("")
        await page.locator(".preview:not(.stale)").getByText("24 of 24 devices would get app@1.1.0").waitFor()
        await page.getByLabel("Phase 1: up to percent").fill("50")
        await page.getByText("the percentage must grow from phase to phase").waitFor()
        await page.getByLabel("Phase 2: up to percent").fill("80")
        const start = page.getByRole("button", { name: /^Start: \d+ devices first$/ })
        await start.waitFor()
        const promised = Number(/\d+/.exec((await start.textContent()) ?? "")?.[0])
        const named = await page.getByRole("table", { name: "Phases of the preview" }).getByRole("row").nth(1).getByRole("link").allTextContents()
        assert.is(named.length, Math.min(5, promised))
        await start.click()
        await look.heading(/running/)
        const id = decodeURIComponent(page.url().split("/").at(-1) ?? "")
        const counts = async () => (await cloud.must(200, "GET", `/rollouts/${id}`)).devices
        await until("the first phase", counts, now => now.granted === promised)
        await page.getByText(`queue: ${promised} granted`).waitFor()
        const granted = (await cloud.must(200, "GET", `/rollouts/${id}/devices?state=granted&limit=50`)).items.map((place: { device: string }) => place.device)
        assert.equal(named.filter(name => !granted.includes(name)), [], "those whom the preview named for the first phase got it")

        await page.getByRole("button", { name: "Pause" }).click()
        await look.heading(/paused/)
        assert.is((await cloud.must(200, "GET", `/rollouts/${id}`)).state, "paused")
        await look.go("")
        await look.heading("Fleet")
        await page.getByRole("region", { name: "Needs a look" }).getByText("is paused").waitFor()
        const line = page.getByRole("article").first()
        await line.getByRole("button", { name: "Abort" }).click()
        await page.getByRole("dialog").getByRole("button", { name: "Abort", exact: true }).click()
        await until("the end of the rollout", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "aborted")
        await page.getByText("No rollout is under way.").waitFor()
        assert.equal(look.offences, [])
        await look.close()
    })

    test("a device is watched live: its update, its log, and a fault with the source's line", async ({ cloud, browser, devices }) => {
        const look = await Look.open(browser, cloud.url)
        const { page } = look
        const device = devices[2]
        await look.signIn(cloud.adminToken, `devices/${device.id}`)
        await look.heading(new RegExp(device.id))
        await page.locator(".is-live").waitFor()
        const [polled] = await Promise.all([
            device.poll(10),
            (async () => {
                await page.getByLabel("Release to update to").selectOption("app@1.1.0")
                await page.getByRole("button", { name: "Update", exact: true }).click()
            })(),
        ])
        assert.is(polled.body.cmd, "update")
        await call(`${cloud.url}/v1/dfu/${device.id}/log`, { token: device.token, json: { lines: ["> heater 21.4 C"] } })
        await page.getByRole("log").getByText("> heater 21.4 C").waitFor()
        await device.status({ id: polled.body.id, state: "downloading", done: 100, of: 300 })
        await page.getByRole("img", { name: "100 of 300 bytes" }).waitFor()
        await device.status({ id: polled.body.id, state: "trial", v: "1.1.0", seq: 5, bank: "A" })
        await device.status({ id: polled.body.id, state: "rolledBack", v: "1.0.0", seq: 0, bank: "R", code: "HOV_TRIAL_FAULT", diag: { kind: "exception", msg: "no sensor", fn: 0, pc: 3, img: polled.body.img.slice(0, 8), n: [0, 1] } })
        const card = page.getByRole("region", { name: "Diagnostics" })
        await card.getByText("src/app/heater.ts:12").waitFor()
        await card.getByText("no sensor").first().waitFor()
        await look.heading(/blocked/)
        await page.getByRole("region", { name: "Banks, boot record, ledger" }).getByText("1, 0 panics").waitFor()
        assert.equal(look.offences, [])
        await look.close()
    })

    test("after a break of the connection what was missed is shown, in order and once", async ({ cloud, browser, devices }) => {
        const line = await CutLine.to(cloud.url)
        const look = await Look.open(browser, line.url)
        const { page } = look
        await look.signIn(cloud.adminToken, "devices/board-5")
        await look.heading(/board-5/)
        await page.locator(".is-live").waitFor()
        const asked: string[] = []
        page.on("request", request => {
            if (request.url().includes("/api/v1/events")) asked.push(request.headers()["last-event-id"] ?? "")
        })
        line.cut()
        await page.locator(".is-offline").waitFor()
        await page.getByRole("alert").getByText("The connection to the server is lost").waitFor()
        const device = devices[5]
        for (const n of [1, 2, 3]) await call(`${cloud.url}/v1/dfu/${device.id}/log`, { token: device.token, json: { lines: [`> missed ${n}`] } })
        line.mend()
        await page.getByRole("log").getByText("> missed 3").waitFor()
        assert.equal((await page.getByRole("log").locator(".k-log span").allTextContents()).filter(text => text.includes("missed")), ["> missed 1", "> missed 2", "> missed 3"])
        assert.ok(asked.length > 0 && Number(asked.at(-1)) > 0, JSON.stringify(asked))
        await look.close()
        await line.close()
    })

    test("a viewer is offered nothing that a viewer may not do, and a token that ends signs out", async ({ cloud, browser }) => {
        const { token, id } = await cloud.must(201, "POST", "/tokens", { name: "night", role: "viewer" })
        const look = await Look.open(browser, cloud.url)
        const { page } = look
        await look.signIn(token)
        await look.heading("Fleet")
        for (const name of ["Publish", "Start a rollout"]) assert.is(await page.getByRole("link", { name }).count(), 0)
        await look.go("devices/board-1")
        await look.heading(/board-1/)
        assert.is(await page.getByRole("button", { name: /Update|Cancel|Ask to report/ }).count(), 0)
        await look.go("rollouts")
        await look.heading("Rollouts")
        assert.is(await page.getByRole("button", { name: /Pause|Abort/ }).count(), 0)
        await look.go("publish")
        await page.getByText("Publishing needs the role publisher or admin.").waitFor()
        assert.is(await page.evaluate("JSON.stringify(localStorage).includes('hov_')"), false, "the token is kept in this tab alone")
        await cloud.must(204, "DELETE", `/tokens/${id}`)
        await look.go("releases")
        await page.getByText("You were signed out").waitFor()
        assert.is(await page.evaluate("sessionStorage.length"), 0)
        assert.equal(look.offences, [])
        await look.close()
    })

    test("no view has a serious finding of axe, in dark and light, and all can be reached with the keyboard", async ({ cloud, browser }) => {
        const [rollout] = (await cloud.must(200, "GET", "/rollouts")).items
        const scene = { device: "board-2", release: "app@1.1.0", rollout: rollout.id }
        const findings: string[] = []
        for (const scheme of ["light", "dark"] as const) {
            const look = await Look.open(browser, cloud.url, { scheme })
            await look.page.goto(`${cloud.url}/console/`)
            await look.page.getByLabel("Token").waitFor()
            assert.equal(await look.axe(), [], `sign-in, ${scheme}`)
            await look.signIn(cloud.adminToken)
            for (const view of viewsOf(scene)) {
                await look.go(view.place)
                await ready(view, look)
                findings.push(...(await look.axe()).map(finding => `${view.name}, ${scheme}: ${finding}`))
            }
            assert.equal(look.offences, [])
            await look.close()
        }
        assert.equal(findings, [])
        const look = await Look.open(browser, cloud.url)
        await look.signIn(cloud.adminToken)
        await look.heading("Fleet")
        await look.page.keyboard.press("Tab")
        const focused = () => look.page.evaluate("document.activeElement.textContent.trim()")
        const reached: unknown[] = []
        for (let n = 0; n < 12; n++) {
            reached.push(await focused())
            await look.page.keyboard.press("Tab")
        }
        for (const name of ["Fleet", "Devices", "Rollouts", "Releases", "Server", "Sign out"]) assert.ok(reached.includes(name), `${name} in ${JSON.stringify(reached)}`)
        await look.page.getByRole("link", { name: "Rollouts", exact: true }).focus()
        await look.page.keyboard.press("Enter")
        await look.heading("Rollouts")
        // the keyboard is at the new page's content, a frame after its heading is there
        await look.page.waitForFunction("document.activeElement.id === 'main'", undefined, { timeout: 5000 })
        await look.close()
    })
}

test.run()
