/** What the browser itself says about the first view and about interactions. */
import type { Browser } from "playwright-core"
import { Look } from "../../test/support/browser.ts"
import type { FilledScene } from "./world.ts"

export interface FirstView {
    readonly scriptKb: number
    readonly files: readonly { readonly name: string; readonly kb: number }[]
    readonly readyMs: number
}

/** All JavaScript that comes before the fleet with its chart is seen, as it goes over the wire. */
export async function measureFirstView(browser: Browser, url: string, token: string): Promise<FirstView> {
    const look = await Look.open(browser, url)
    await look.page.goto(`${url}/console/`)
    await look.page.evaluate(`sessionStorage.setItem("handover-token", ${JSON.stringify(token)})`)
    const startMs = performance.now()
    await look.page.reload()
    await look.heading("Fleet")
    await look.page.locator(".chart canvas").waitFor()
    const readyMs = Math.round(performance.now() - startMs)
    await look.close()
    // A context without a cache: what a person's first visit fetches.
    const fresh = await Look.open(browser, url)
    await fresh.page.addInitScript(`if (!sessionStorage.getItem("handover-token")) sessionStorage.setItem("handover-token", ${JSON.stringify(token)})`)
    await fresh.page.goto(`${url}/console/`)
    await fresh.page.locator(".chart canvas").waitFor()
    const files = (await fresh.page.evaluate(
        "performance.getEntriesByType('resource').filter(entry => entry.name.endsWith('.js')).map(entry => ({ name: entry.name.split('/').at(-1), bytes: entry.encodedBodySize }))",
    )) as { name: string; bytes: number }[]
    await fresh.close()
    const kb = (bytes: number): number => Math.round(bytes / 102.4) / 10
    return { scriptKb: kb(files.reduce((sum, file) => sum + file.bytes, 0)), files: files.map(({ name, bytes }) => ({ name, kb: kb(bytes) })), readyMs }
}

export interface InteractionFigures {
    readonly name: string
    readonly count: number
    readonly p50Ms: number
    /** From the key or the click to the next picture: the browser's own event timing, in steps of 8 ms. */
    readonly worstMs: number
    readonly longestTaskMs: number
}

const WATCH = `
    window.handoverTimes = { events: [], tasks: [] }
    new PerformanceObserver(list => { for (const entry of list.getEntries()) if (entry.interactionId) window.handoverTimes.events.push({ id: entry.interactionId, ms: entry.duration, name: entry.name }) }).observe({ type: "event", durationThreshold: 16, buffered: false })
    new PerformanceObserver(list => { for (const entry of list.getEntries()) window.handoverTimes.tasks.push(entry.duration) }).observe({ type: "longtask" })
`

export async function measureInteractions(browser: Browser, url: string, token: string, scene: FilledScene): Promise<InteractionFigures[]> {
    const look = await Look.open(browser, url)
    const { page } = look
    await page.addInitScript(WATCH)
    await look.signIn(token, "devices")
    await page.getByText(`of ${scene.devices.toLocaleString("en")} devices`).waitFor()
    await page.locator(".is-live").waitFor()
    const figures: InteractionFigures[] = []
    const measure = async (name: string, expected: number, work: () => Promise<void>): Promise<void> => {
        await page.waitForTimeout(500)
        await page.evaluate("void (window.handoverTimes.events.length = window.handoverTimes.tasks.length = 0)")
        await work()
        await page.waitForTimeout(300)
        const times = (await page.evaluate("JSON.parse(JSON.stringify(window.handoverTimes))")) as { events: { id: number; ms: number }[]; tasks: number[] }
        // One interaction has several events: the longest counts. Those under 16 ms are not told at all.
        const byId = new Map<number, number>()
        for (const { id, ms } of times.events) byId.set(id, Math.max(byId.get(id) ?? 0, ms))
        const sorted = [...byId.values(), ...Array<number>(Math.max(0, expected - byId.size)).fill(16)].sort((a, b) => a - b)
        figures.push({ name, count: sorted.length, p50Ms: sorted[Math.floor(sorted.length / 2)] ?? 0, worstMs: sorted.at(-1) ?? 0, longestTaskMs: Math.round(Math.max(0, ...times.tasks)) })
    }
    const search = page.getByLabel("Search")
    await measure("typing in the search over all devices", 12, async () => {
        await search.click()
        await search.pressSequentially("board-99", { delay: 120 })
        for (let n = 0; n < 4; n++) await page.keyboard.press("Backspace", { delay: 60 })
    })
    await search.fill("")
    await measure("choosing states and versions", 8, async () => {
        for (const state of ["converged", "wrong", "silent", ""]) await page.getByLabel("State").selectOption(state)
        await page.getByLabel("Search").click()
        for (let n = 0; n < 4; n++) await page.keyboard.press("Tab")
    })
    await measure("paging through the list with the keyboard", 30, async () => {
        await page.locator(".device-table .rows").focus()
        for (let n = 0; n < 24; n++) await page.keyboard.press("PageDown", { delay: 30 })
        await page.keyboard.press("End")
        for (let n = 0; n < 5; n++) await page.keyboard.press("PageUp", { delay: 30 })
    })
    const shown = await page.locator(".device-table .space [role=row]").count()
    if (shown === 0 || shown > 200) throw new Error(`${shown} rows are drawn: only those in view should be`)
    await measure("opening devices and coming back", 8, async () => {
        for (let n = 0; n < 4; n++) {
            await page.locator(".device-table .rows a").nth(8).click()
            await page.getByRole("log").waitFor()
            await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Devices" }).click()
            await page.locator(".device-table .rows a").nth(8).waitFor()
        }
    })
    await measure("going round all pages while a rollout moves", 10, async () => {
        await scene.moveSome()
        for (let n = 0; n < 2; n++)
            for (const name of ["Fleet", "Devices", "Rollouts", "Releases", "Server"]) {
                await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true }).click()
                await page.waitForTimeout(400)
            }
    })
    await measure("typing while a rollout moves", 8, async () => {
        await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Devices", exact: true }).click()
        await scene.moveSome()
        await page.getByLabel("Search").click()
        await page.getByLabel("Search").pressSequentially("board-9", { delay: 300 })
    })
    await look.close()
    return figures
}
