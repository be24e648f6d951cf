import type { Browser } from "playwright-core"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { buildConsole, findChromium, Look, openBrowser } from "./support/browser.ts"
import { openCloud, publish, TestDevice, type TestCloud, until } from "./support/cloud.ts"
import { ready, viewsOf } from "./support/console-views.ts"
import { Follower } from "./support/handover.ts"

/** What the console shows while something loads, when it fails, on a phone, and while a server hands over. */
const found = findChromium()
const test = suite<{ browser: Browser }>("the console's states")

async function fleet(cloud: TestCloud, count: number): Promise<Follower[]> {
    const boards: Follower[] = []
    for (let n = 0; n < count; n++) {
        const device = await TestDevice.add(cloud, `board-${n}`)
        await device.poll()
        boards.push(new Follower(device))
    }
    return boards
}

if ("missing" in found) {
    console.log(`skipped: ${found.missing}`)
    test.skip("the console in Chromium", () => undefined)
} else {
    test.before(async context => {
        buildConsole()
        context.browser = await openBrowser(found.path)
    })
    test.after(async context => context.browser.close())

    test("a handover is watched on both servers, its pace is set, and it ends", async ({ browser }) => {
        const [current, next] = [await openCloud(), await openCloud()]
        const boards = await fleet(current, 60)
        const [left, right] = [await Look.open(browser, current.url), await Look.open(browser, next.url)]
        await left.signIn(current.adminToken, "server")
        await left.page.getByText("No handover is under way.").waitFor()
        await right.signIn(next.adminToken, "server")
        await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 1 })

        const steps = left.page.getByRole("list", { name: "Steps of the handover" })
        await left.page.getByText(`This server gives its devices to ${next.url}`).waitFor()
        await right.page.getByText("This server takes devices over from").waitFor()
        await steps.locator("[aria-current=step]").getByText("moving").waitFor()
        await steps.getByText(/^[1-9]\d? of 60$/).waitFor()
        await left.page.getByRole("img", { name: /^[1-9]\d? % of the devices have moved$/ }).waitFor()
        await left.go("")
        await left.page.getByRole("region", { name: "Needs a look" }).getByText(/The server hands over: \d+ of 60 devices moved/).waitFor()
        await left.go("server")

        await left.page.getByLabel("Pace, a second").fill("500")
        await left.page.getByRole("button", { name: "Set" }).click()
        await left.heading("Server")
        await steps.getByText("60 of 60").waitFor()
        await left.page.getByRole("img", { name: "100 % of the devices have moved" }).waitFor()
        await until("its end", () => current.must(200, "GET", "/server/handover"), progress => progress.phase === "done", 20_000)
        await left.page.getByText("500 a second").waitFor()
        await left.page.getByRole("button", { name: /Take everything back/ }).waitFor({ state: "detached" })
        const { freeze } = await current.must(200, "GET", "/server/handover")
        await left.page.getByText(`${freeze.p50Ms} ms, ${freeze.p99Ms} ms`).waitFor()
        assert.equal([...left.offences, ...right.offences], [])
        for (const look of [left, right]) await look.close()
        await Promise.all(boards.map(board => board.stop()))
        for (const cloud of [current, next]) await cloud.done()
    })

    test("a handover is taken back with two clicks, and every device is here again", async ({ browser }) => {
        const [current, next] = [await openCloud(), await openCloud()]
        const boards = await fleet(current, 40)
        const look = await Look.open(browser, current.url)
        await look.signIn(current.adminToken, "server")
        await look.page.getByText("No handover is under way.").waitFor()
        await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 1 })
        await look.page.getByRole("list", { name: "Steps of the handover" }).getByText(/^[1-9]\d? of 40$/).waitFor()
        await look.page.getByRole("button", { name: "Take everything back" }).click()
        await look.page.getByRole("dialog").getByRole("button", { name: "Take everything back", exact: true }).click()
        await until("the end", () => current.must(200, "GET", "/server/handover"), progress => progress.phase === "aborted", 20_000)
        await look.page.getByText("aborted").first().waitFor()
        assert.equal(await look.axe(), [])
        assert.is((await current.must(200, "GET", "/server/handover")).moved, 0)
        assert.is((await current.must(200, "GET", "/devices?limit=100")).items.length, 40)
        assert.equal(look.offences, [])
        await look.close()
        await Promise.all(boards.map(board => board.stop()))
        for (const cloud of [current, next]) await cloud.done()
    })

    test("what loads says so, what fails says why and is tried again with one click", async ({ browser }) => {
        const cloud = await openCloud()
        await publish(cloud, "1.1.0")
        const device = await TestDevice.add(cloud, "board-0", { app: "app" })
        await device.poll()
        const look = await Look.open(browser, cloud.url)
        const { page } = look
        await look.signIn(cloud.adminToken)
        await look.heading("Fleet")
        const places = [
            ["releases", "**/api/v1/releases?*", "app@1.1.0"],
            ["rollouts", "**/api/v1/rollouts?*", "No rollout has been started yet."],
            ["server", "**/api/v1/audit?*", "device.create"],
            ["devices/board-0", "**/api/v1/devices/board-0", "Desired and actual"],
            ["releases/app%401.1.0", "**/api/v1/releases/app%401.1.0", "One-time key"],
        ] as const
        for (const [place, address, text] of places) {
            let letThrough: () => void = () => {}
            const held = new Promise<void>(resolve => (letThrough = resolve))
            let answers = 0
            await page.route(address, async route => {
                await held
                if (answers++ === 0) await route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ title: "Service Unavailable", status: 503, detail: "the database does not answer", code: "HOV_API_STORE_AWAY" }) })
                else await route.continue()
            })
            await look.go(place)
            await page.getByRole("status").getByText("Loading").first().waitFor({ state: "attached" })
            letThrough()
            const alert = page.getByRole("alert").filter({ hasText: "HOV_API_STORE_AWAY" })
            await alert.first().waitFor()
            assert.equal(await look.axe(), [], place)
            await alert.getByRole("button", { name: "Try again" }).first().click()
            await page.getByText(text).first().waitFor()
            assert.is(await alert.count(), 0, place)
            await page.unroute(address)
        }
        assert.equal(look.offences, [])
        await look.close()
        device.close()
        await cloud.done()
    })

    test("on a phone no page is wider than the screen, and pausing and aborting a rollout are in reach from the list", async ({ browser }) => {
        const cloud = await openCloud({ timings: { rolloutTickMs: 50, sweepMs: 50, sampleMs: 50 } })
        const boards = await fleet(cloud, 12)
        await publish(cloud, "1.1.0")
        const { id } = await cloud.must(201, "POST", "/rollouts", { name: "a-rollout-with-a-rather-long-name", release: "1.1.0", filter: "id ~ board-* and not version ~ 0.* and not id = board-with-a-long-name", phases: [{ percent: 50, manual: true }, { percent: 100 }] })
        for (const scheme of ["light", "dark"] as const) {
            const look = await Look.open(browser, cloud.url, { phone: true, scheme })
            await look.signIn(cloud.adminToken)
            for (const view of viewsOf({ device: "board-3", release: "app@1.1.0", rollout: id })) {
                await look.go(view.place)
                await ready(view, look)
                assert.is(await look.overflowPx(), 0, `${view.name}, ${scheme}: the page is wider than the window`)
                assert.equal(await look.axe(), [], `${view.name}, ${scheme}`)
            }
            assert.equal(look.offences, [])
            if (scheme === "light") {
                await look.close()
                continue
            }
            await look.go("rollouts")
            await look.heading("Rollouts")
            for (const name of ["Pause", "Abort…"]) {
                const box = await look.page.getByRole("button", { name }).boundingBox()
                assert.ok(box && box.x >= 0 && box.x + box.width <= 390, `${name} at ${JSON.stringify(box)}`)
                assert.ok(box.height >= 32, `${name} is ${box.height} px high`)
            }
            await look.page.getByRole("button", { name: "Pause" }).tap()
            await until("the pause", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "paused")
            await look.page.getByRole("button", { name: "Abort…" }).tap()
            await look.page.getByRole("dialog").getByRole("button", { name: "Abort", exact: true }).tap()
            await until("the end", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "aborted")
            await look.close()
        }
        await Promise.all(boards.map(board => board.stop()))
        await cloud.done()
    })
}

test.run()
