/** What hawkBit's own tests share: its management API as its operator uses it, looking past our server. */
import type { HawkbitOptions } from "../../cloud/hawkbit/options.ts"
import { HAWKBIT_DEFAULTS } from "../../cloud/hawkbit/options.ts"
import { call, until } from "./cloud.ts"
import type { TestCloud } from "./cloud.ts"

const CREDENTIALS = { authorization: `Basic ${Buffer.from("admin:admin").toString("base64")}` }

export const hawkbitUrl = process.env.HANDOVER_TEST_HAWKBIT
/** Why its tests do not run. */
export const SKIPPED = "there is no hawkBit: npm run test:hawkbit starts one and runs this file"

let made = 0

/** A prefix of its own for each test. */
export const options = (url: string, more: Partial<HawkbitOptions> = {}): HawkbitOptions => ({
    ...HAWKBIT_DEFAULTS,
    url,
    user: "admin",
    password: "admin",
    prefix: `t${process.pid.toString(36)}${++made}.`,
    pollMs: 200,
    ...more,
})

export class Operator {
    readonly #url: string
    readonly #prefix: string

    constructor(url: string, prefix: string) {
        this.#url = url
        this.#prefix = prefix
    }

    async ask(method: string, path: string, json?: unknown): Promise<{ status: number; body: any; bytes: Buffer }> {
        return call(`${this.#url}/rest/v1/${path}`, { method, json, headers: CREDENTIALS })
    }

    async get(path: string): Promise<any> {
        const answer = await this.ask("GET", path)
        if (answer.status >= 300) throw new Error(`GET ${path}: ${answer.status} ${answer.bytes}`)
        return answer.body
    }

    /** As one that does not exist has it: nothing. */
    target = async (id: string): Promise<any> => (await this.ask("GET", `targets/${this.#prefix}${id}`)).body ?? {}
    attributes = async (id: string): Promise<any> => (await this.ask("GET", `targets/${this.#prefix}${id}/attributes`)).body ?? {}
    /** Oldest first. */
    actions = async (id: string): Promise<any[]> => (await this.ask("GET", `targets/${this.#prefix}${id}/actions?sort=id:ASC&limit=100`)).body?.content ?? []
    statuses = async (id: string, action: number): Promise<any[]> => (await this.get(`targets/${this.#prefix}${id}/actions/${action}/status?sort=id:ASC`)).content
    /** Undefined for a target that has none, or is not there yet. */
    installed = async (id: string): Promise<string | undefined> => (await this.ask("GET", `targets/${this.#prefix}${id}/installedDS`)).body?.version

    /** All of ours of one kind: softwaremodules, distributionsets, targets, rollouts, targettags. */
    async all(kind: string): Promise<any[]> {
        const found: any[] = []
        for (;;) {
            const page = await this.get(`${kind}?limit=500&offset=${found.length}`)
            found.push(...page.content)
            if (page.content.length === 0 || found.length >= page.total) break
        }
        return found.filter(({ name }) => name.startsWith(this.#prefix) && !name.includes("handover-journal"))
    }

    async assign(version: string, id: string): Promise<void> {
        const set = (await this.all("distributionsets")).find(found => found.version === version)
        const answer = await this.ask("POST", `distributionsets/${set.id}/assignedTargets`, [{ id: this.#prefix + id }])
        if (answer.status !== 200) throw new Error(`assign: ${answer.status} ${answer.bytes}`)
    }

    cancel = (id: string, action: number) => this.ask("DELETE", `targets/${this.#prefix}${id}/actions/${action}`)
}

export const healthOf = async (cloud: { url: string }): Promise<any> => (await call(`${cloud.url}/healthz`)).body

/** hawkBit has heard everything. */
export const told = (cloud: TestCloud, timeoutMs = 10_000): Promise<any> =>
    until("hawkBit to be told", () => healthOf(cloud), health => health.hawkbit.state === "ok" && health.hawkbit.behind === 0, timeoutMs)

export async function metric(cloud: TestCloud, name: string): Promise<number> {
    const text = (await call(`${cloud.url}/metrics`, { token: cloud.adminToken })).bytes.toString()
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1])
}
