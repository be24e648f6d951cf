/**
 * The console with a fleet of a real size: the real server, 10,000 boards at the level of the protocol, a few with the
 * stock VM, releases built and signed by the real toolchain, in headless Chromium. Writes a screenshot of every view in
 * light, dark and on a phone, looks at each with axe, and measures the first view and how long interactions take.
 *
 *   npm run test:console -- [--json] [--boards 10000] [--real 2] [--out DIR]
 */
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { buildConsole, findChromium, Look, openBrowser, type Scheme } from "../test/support/browser.ts"
import { ready, viewsOf } from "../test/support/console-views.ts"
import { measureFirstView, measureInteractions } from "./console/measure.ts"
import { openWorld } from "./console/world.ts"

const { values } = parseArgs({
    options: { json: { type: "boolean", default: false }, boards: { type: "string", default: "10000" }, real: { type: "string", default: "2" }, out: { type: "string", default: "dist/console-screenshots" } },
})
const FIRST_VIEW_KB_MAX = 100
const INTERACTION_MS_MAX = 100
const LOOKS: readonly { readonly name: string; readonly scheme: Scheme; readonly phone: boolean }[] = [
    { name: "light", scheme: "light", phone: false },
    { name: "dark", scheme: "dark", phone: false },
    { name: "phone", scheme: "light", phone: true },
    { name: "phone-dark", scheme: "dark", phone: true },
]

const say = (text: string): void => {
    if (!values.json) console.log(text)
}
const found = findChromium()
if ("missing" in found) {
    console.log(values.json ? JSON.stringify({ ok: true, skipped: found.missing }) : `skipped: ${found.missing}`)
    process.exit(0)
}

const out = join(import.meta.dirname, "..", values.out)
rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
buildConsole()
const browser = await openBrowser(found.path)
const world = await openWorld({ boards: Number(values.boards), real: Number(values.real), say })
const failures: string[] = []
let screenshots = 0
let views = 0
try {
    // Before there is anything: what an operator sees on the first day.
    const first = await Look.open(browser, world.url)
    await first.page.goto(`${world.url}/console/`)
    await first.page.getByLabel("Token").waitFor()
    await first.page.screenshot({ path: join(out, "sign-in-light.png") })
    await first.signIn(world.adminToken)
    await first.page.getByText("There are no devices yet.").waitFor()
    await first.page.screenshot({ path: join(out, "empty-light.png") })
    screenshots += 2

    const scene = await world.fill(async name => {
        await first.page.screenshot({ path: join(out, `${name}-light.png`) })
        screenshots++
    })
    failures.push(...first.offences)
    await first.close()
    say(`the fleet is there: ${scene.devices} devices`)

    for (const { name, scheme, phone } of LOOKS) {
        const look = await Look.open(browser, world.url, { scheme, phone })
        await look.signIn(world.adminToken)
        for (const view of viewsOf(scene)) {
            await look.go(view.place)
            await ready(view, look)
            await look.page.screenshot({ path: join(out, `${view.name}-${name}.png`), fullPage: view.name !== "devices" })
            screenshots++
            views++
            const overflowPx = await look.overflowPx()
            if (overflowPx > 0) failures.push(`${view.name}, ${name}: ${overflowPx} px wider than the window`)
            failures.push(...(await look.axe()).map(finding => `axe, ${view.name}, ${name}: ${finding}`))
        }
        failures.push(...look.offences)
        await look.close()
        say(`${name}: ${viewsOf(scene).length} views, ${failures.length} findings so far`)
    }

    const firstView = await measureFirstView(browser, world.url, world.adminToken)
    const interactions = await measureInteractions(browser, world.url, world.adminToken, scene)
    if (firstView.scriptKb > FIRST_VIEW_KB_MAX) failures.push(`first view: ${firstView.scriptKb} KB of JavaScript, more than ${FIRST_VIEW_KB_MAX}`)
    for (const { name, worstMs } of interactions) if (worstMs > INTERACTION_MS_MAX) failures.push(`${name} takes ${worstMs} ms, more than ${INTERACTION_MS_MAX}`)
    const result = { ok: failures.length === 0, devices: scene.devices, realBoards: Number(values.real), views, screenshots, folder: values.out, seriousFindings: failures.filter(f => f.startsWith("axe")).length, firstView, interactions, failures }
    if (values.json) console.log(JSON.stringify(result))
    else {
        say(`first view: ${firstView.scriptKb} KB of JavaScript gzipped (${firstView.files.map(file => `${file.name} ${file.kb}`).join(", ")})`)
        for (const one of interactions) say(`${one.name}: ${one.count} interactions, p50 ${one.p50Ms} ms, worst ${one.worstMs} ms, longest task ${one.longestTaskMs} ms`)
        say(`${screenshots} screenshots in ${values.out}`)
        for (const failure of failures) say(`FAIL ${failure}`)
        say(result.ok ? "ok" : `${failures.length} failures`)
    }
    process.exitCode = result.ok ? 0 : 1
} finally {
    await browser.close()
    await world.close()
}
