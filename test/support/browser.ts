/** Headless Chromium for tests of the console: Debian's package `chromium`, or what CHROMIUM names. */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"
import { PATIENCE } from "./cloud.ts"

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")
const DESKTOP = { width: 1360, height: 850 }
const PHONE = { width: 390, height: 844 }

/** Why there is no browser, or where it is. */
export function findChromium(): { path: string } | { missing: string } {
    const given = process.env.CHROMIUM
    if (given !== undefined && given !== "") return existsSync(given) ? { path: given } : { missing: `CHROMIUM names ${given}, which is not there` }
    const path = CANDIDATES.find(existsSync)
    return path === undefined ? { missing: "there is no Chromium: apt-get install -y chromium, or name one in CHROMIUM" } : { path }
}

/** Builds the console's files as the package has them. */
export function buildConsole(): void {
    execFileSync(process.execPath, [join(import.meta.dirname, "../../node_modules/vite/bin/vite.js"), "build", "--config", join(import.meta.dirname, "../../console/vite.config.ts"), "--logLevel", "error"], { stdio: "inherit" })
}

export const openBrowser = (executablePath: string): Promise<Browser> =>
    chromium.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] })

export type Scheme = "light" | "dark"

/** A page that notes everything that a good page does not do: errors, refusals of its policy, requests to elsewhere. */
export class Look {
    readonly page: Page
    readonly context: BrowserContext
    readonly url: string
    readonly offences: string[] = []
    /** Bytes of JavaScript as they came over the wire. */
    scriptBytes = 0

    private constructor(page: Page, context: BrowserContext, url: string) {
        this.page = page
        this.context = context
        this.url = url
    }

    static async open(browser: Browser, url: string, options: { scheme?: Scheme; phone?: boolean } = {}): Promise<Look> {
        const context = await browser.newContext({ viewport: options.phone ? PHONE : DESKTOP, colorScheme: options.scheme ?? "light", reducedMotion: "reduce", hasTouch: options.phone ?? false })
        context.setDefaultTimeout(5_000 * PATIENCE)
        const page = await context.newPage()
        const look = new Look(page, context, url)
        page.on("pageerror", error => look.offences.push(`error: ${error.stack ?? error.message}`))
        page.on("console", message => {
            // A refusal that the page shows to the person is logged by the browser too.
            if (message.type() === "error" && !/Failed to load resource/.test(message.text())) look.offences.push(`console: ${message.text()}`)
        })
        page.on("request", request => {
            if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) look.offences.push(`elsewhere: ${request.url()}`)
        })
        page.on("response", response => {
            if (!response.url().endsWith(".js")) return
            void response.request().sizes().then(sizes => (look.scriptBytes += sizes.responseBodySize), () => undefined)
        })
        return look
    }

    /** Signs in as who has this token, at this place of the console. */
    async signIn(token: string, place = ""): Promise<void> {
        await this.page.goto(`${this.url}/console/#/${place}`)
        await this.page.getByLabel("Token").fill(token)
        await this.page.getByRole("button", { name: "Sign in" }).click()
        await this.page.getByRole("navigation", { name: "Main" }).waitFor()
    }

    async go(place: string): Promise<void> {
        await this.page.goto(`${this.url}/console/#/${place}`)
    }

    heading(name: string | RegExp): Promise<void> {
        return this.page.getByRole("heading", { level: 1, name }).waitFor()
    }

    /** By how many pixels the page is wider than its window: a person on a phone would have to push it about. */
    async overflowPx(): Promise<number> {
        return (await this.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")) as number
    }

    /** Findings of axe that are serious or worse, each with where it is. */
    async axe(): Promise<string[]> {
        await this.page.evaluate(AXE)
        const { violations } = (await this.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as { violations: { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }[] }
        return violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map(node => `${node.target.join(" ")} (${node.failureSummary.replace(/\s+/g, " ").slice(0, 200)})`).join("; ")}`)
    }

    close(): Promise<void> {
        return this.context.close()
    }
}
