/** hawkBit's management API and, for feedback, its device API: the calls that we need, by their meaning. */
import { createHash, createHmac, randomBytes } from "node:crypto"
import type { HawkbitHttp } from "./http.ts"
import { HawkbitRefused } from "./http.ts"
import type { HawkbitOptions } from "./options.ts"

const TYPE = "handover"
const PAGE = 500
const MODULES_OF_A_KIND = 1_000_000

export interface Artifact {
    readonly id: number
    readonly filename: string
    readonly sha256: string
    readonly sizeBytes: number
}

export interface RemoteAction {
    readonly id: number
    readonly type: "update" | "cancel"
    readonly status: "pending" | "finished"
}

export interface RolloutGroup {
    readonly name: string
    readonly tag: string
    readonly successPercent: number
    readonly failurePercent: number
}

/** What the device interface knows as `execution`, as far as we say it. */
export type Execution = "proceeding" | "closed"
export type Result = "none" | "success" | "failure"

interface Page<T> {
    readonly content: readonly T[]
    readonly total: number
}

interface ArtifactJson {
    readonly id: number
    readonly providedFilename: string
    readonly hashes: { readonly sha256: string }
    readonly size: number
}

export class Remote {
    readonly #http: HawkbitHttp
    readonly #options: HawkbitOptions
    readonly #tokenKey: string

    /** @param tokenKey what the targets' tokens are made of */
    constructor(http: HawkbitHttp, options: HawkbitOptions, tokenKey: string) {
        this.#http = http
        this.#options = options
        this.#tokenKey = tokenKey
    }

    // Types

    /** Makes the types of modules and sets, and lets targets log in with their tokens. */
    async prepare(): Promise<void> {
        const moduleTypes = await this.#list<{ id: number; key: string }>("softwaremoduletypes", `key==${TYPE}`)
        const moduleType = moduleTypes.find(({ key }) => key === TYPE) ?? (await this.#create("softwaremoduletypes", { key: TYPE, name: "Handover release", maxAssignments: MODULES_OF_A_KIND }))
        const setTypes = await this.#list<{ id: number; key: string }>("distributionsettypes", `key==${TYPE}`)
        if (!setTypes.some(({ key }) => key === TYPE))
            await this.#create("distributionsettypes", { key: TYPE, name: "Handover release", mandatorymodules: [{ id: moduleType.id }], optionalmodules: [] })
        const setting = "/rest/v1/system/configs/authentication.targettoken.enabled"
        if ((await this.#http.json<{ value: unknown }>("GET", setting)).value !== true) await this.#http.json("PUT", setting, { body: { value: true } })
    }

    // Releases

    async findModule(name: string, version: string): Promise<number | undefined> {
        return this.#find("softwaremodules", name, version)
    }

    async createModule(name: string, version: string, description: string): Promise<number> {
        return (await this.#create("softwaremodules", { name, version, type: TYPE, vendor: "handover", description })).id
    }

    async artifacts(moduleId: number): Promise<Artifact[]> {
        const found = await this.#http.json<ArtifactJson[]>("GET", `/rest/v1/softwaremodules/${moduleId}/artifacts`)
        return found.map(toArtifact)
    }

    /** @throws Error when hawkBit has stored other bytes */
    async upload(moduleId: number, filename: string, bytes: Uint8Array): Promise<Artifact> {
        const sha256 = createHash("sha256").update(bytes).digest("hex")
        const boundary = `handover-${randomBytes(16).toString("hex")}`
        const part = (head: string): Buffer => Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`)
        const parts = [
            part('name="filename"'),
            Buffer.from(`${filename}\r\n`),
            part('name="sha256sum"'),
            Buffer.from(`${sha256}\r\n`),
            part(`name="file"; filename="${filename}"\r\nContent-Type: application/octet-stream`),
            bytes,
            Buffer.from(`\r\n--${boundary}--\r\n`),
        ]
        const made = toArtifact(
            await this.#http.json<ArtifactJson>("POST", `/rest/v1/softwaremodules/${moduleId}/artifacts`, { parts, contentType: `multipart/form-data; boundary=${boundary}` }),
        )
        if (made.sha256 !== sha256) throw new Error(`hawkBit has stored ${filename} as ${made.sha256}, not ${sha256}`)
        return made
    }

    async download(moduleId: number, artifact: Artifact): Promise<Uint8Array> {
        return this.#http.bytes("GET", `/rest/v1/softwaremodules/${moduleId}/artifacts/${artifact.id}/download`, { answerBytes: artifact.sizeBytes })
    }

    async findSet(name: string, version: string): Promise<number | undefined> {
        return this.#find("distributionsets", name, version)
    }

    async createSet(name: string, version: string, moduleId: number): Promise<number> {
        return (await this.#create("distributionsets", { name, version, type: TYPE, modules: [{ id: moduleId }] })).id
    }

    // Targets

    async createTargets(ids: readonly string[]): Promise<void> {
        const body = ids.map(id => ({ controllerId: this.#name(id), name: this.#name(id), securityToken: this.#token(id) }))
        await this.#http.json("POST", "/rest/v1/targets", { body })
    }

    /** Of a target that is there: makes its token ours. */
    async takeTarget(id: string): Promise<void> {
        await this.#http.json("PUT", `/rest/v1/targets/${this.#path(id)}`, { body: { securityToken: this.#token(id) } })
    }

    async removeTarget(id: string): Promise<void> {
        await ignoring(404, this.#http.json("DELETE", `/rest/v1/targets/${this.#path(id)}`))
    }

    async setAttributes(id: string, data: Readonly<Record<string, string>>): Promise<void> {
        const body = { id: "", status: { result: { finished: "success" }, execution: "closed", details: [] }, mode: "replace", data }
        await this.#asTarget("PUT", id, "configData", body)
    }

    /** Ids of our targets that have something to do, of all of them. */
    async pending(): Promise<string[]> {
        const { prefix } = this.#options
        const query = prefix === "" ? "updatestatus==pending" : `updatestatus==pending;controllerid==${prefix}*`
        const found = await this.#list<{ controllerId: string }>("targets", query)
        return found.map(({ controllerId }) => controllerId).filter(id => id.startsWith(prefix)).map(id => id.slice(prefix.length))
    }

    // Assignments

    /** @returns the new actions' ids, by device; none for a device that has this set already */
    async assign(setId: number, ids: readonly string[], offline: boolean): Promise<Map<string, number>> {
        const answer = await this.#http.json<{ assignedActions?: { id: number; _links: { self: { href: string } } }[] }>(
            "POST",
            `/rest/v1/distributionsets/${setId}/assignedTargets${offline ? "?offline=true" : ""}`,
            { body: ids.map(id => ({ id: this.#name(id), type: "forced" })) },
        )
        const actions = new Map<string, number>()
        for (const { id, _links } of answer.assignedActions ?? []) {
            const controllerId = /\/targets\/([^/]+)\/actions\//.exec(_links.self.href)?.[1]
            if (controllerId !== undefined) actions.set(decodeURIComponent(controllerId).slice(this.#options.prefix.length), id)
        }
        return actions
    }

    /** Newest first. */
    async actions(id: string): Promise<readonly RemoteAction[]> {
        return (await this.#http.json<Page<RemoteAction>>("GET", `/rest/v1/targets/${this.#path(id)}/actions?limit=50&sort=id:DESC`)).content
    }

    async action(id: string, actionId: number): Promise<RemoteAction | undefined> {
        return ignoring(404, this.#http.json<RemoteAction>("GET", `/rest/v1/targets/${this.#path(id)}/actions/${actionId}`))
    }

    /** Name (without the prefix) and version of the set that is assigned to the target. */
    async assignedSet(id: string): Promise<{ name: string; version: string } | undefined> {
        const set = await this.#http.json<{ name: string; version: string; type: string } | undefined>("GET", `/rest/v1/targets/${this.#path(id)}/assignedDS`)
        const { prefix } = this.#options
        return set?.type === TYPE && set.name.startsWith(prefix) ? { name: set.name.slice(prefix.length), version: set.version } : undefined
    }

    async feedback(id: string, actionId: number, execution: Execution, result: Result, details: readonly string[]): Promise<void> {
        const body = { id: String(actionId), status: { result: { finished: result }, execution, details } }
        await this.#asTarget("POST", id, `deploymentBase/${actionId}/feedback`, body)
    }

    /** Asks hawkBit to cancel, which then waits for the device's word. */
    async cancel(id: string, actionId: number): Promise<void> {
        await this.#http.json("DELETE", `/rest/v1/targets/${this.#path(id)}/actions/${actionId}`)
    }

    async confirmCancel(id: string, actionId: number): Promise<void> {
        const body = { id: String(actionId), status: { result: { finished: "success" }, execution: "closed", details: [] } }
        await this.#asTarget("POST", id, `cancelAction/${actionId}/feedback`, body)
    }

    // Rollouts

    async tag(name: string, ids: readonly string[]): Promise<void> {
        const found = (await this.#list<{ id: number; name: string }>("targettags", `name=="${name}"`)).find(tag => tag.name === name)
        const { id } = found ?? (await this.#create("targettags", { name }))
        await this.#http.json("POST", `/rest/v1/targettags/${id}/assigned`, { body: ids.map(device => ({ controllerId: this.#name(device) })) })
    }

    async findRollout(name: string): Promise<number | undefined> {
        return (await this.#list<{ id: number; name: string; deleted: boolean }>("rollouts", `name=="${name}"`)).find(rollout => rollout.name === name && !rollout.deleted)?.id
    }

    async createRollout(name: string, setId: number, groups: readonly RolloutGroup[]): Promise<number> {
        const made = await this.#http.json<{ id: number }>("POST", "/rest/v1/rollouts", {
            body: {
                name,
                distributionSetId: setId,
                targetFilterQuery: groups.map(({ tag }) => `tag=="${tag}"`).join(","),
                type: "forced",
                groups: groups.map(({ name: group, tag, successPercent, failurePercent }) => ({
                    name: group,
                    targetFilterQuery: `tag=="${tag}"`,
                    targetPercentage: 100,
                    successCondition: { condition: "THRESHOLD", expression: String(successPercent) },
                    successAction: { action: "NEXTGROUP", expression: "" },
                    errorCondition: { condition: "THRESHOLD", expression: String(failurePercent) },
                    errorAction: { action: "PAUSE", expression: "" },
                })),
            },
        })
        return made.id
    }

    /** Undefined when there is none. */
    async rolloutStatus(id: number): Promise<string | undefined> {
        return (await ignoring(404, this.#http.json<{ status: string }>("GET", `/rest/v1/rollouts/${id}`)))?.status
    }

    async steerRollout(id: number, verb: "start" | "pause" | "resume"): Promise<void> {
        await this.#http.json("POST", `/rest/v1/rollouts/${id}/${verb}`)
    }

    async removeRollout(id: number): Promise<void> {
        await ignoring(404, this.#http.json("DELETE", `/rest/v1/rollouts/${id}`))
    }

    // Insides

    /** A target's name there: ours with the prefix. */
    #name(id: string): string {
        return this.#options.prefix + id
    }

    #path(id: string): string {
        return encodeURIComponent(this.#name(id))
    }

    /** Made from our own secret, so that it need not be kept for each device, and is the same after hawkBit has lost it. */
    #token(id: string): string {
        return createHmac("sha256", this.#tokenKey).update(id).digest("hex")
    }

    #asTarget(method: string, id: string, path: string, body: unknown): Promise<unknown> {
        return this.#http.bytes(method, `/${encodeURIComponent(this.#options.tenant)}/controller/v1/${this.#path(id)}/${path}`, {
            body,
            authorization: `TargetToken ${this.#token(id)}`,
        })
    }

    /** hawkBit compares without regard to case and with wildcards, so the exact one is picked here. */
    async #find(kind: string, name: string, version: string): Promise<number | undefined> {
        const found = await this.#list<{ id: number; name: string; version: string; type: string; deleted: boolean }>(kind, `name=="${name}";version=="${version}"`)
        return found.find(item => item.name === name && item.version === version && item.type === TYPE && !item.deleted)?.id
    }

    async #create(kind: string, body: unknown): Promise<{ id: number }> {
        const [made] = await this.#http.json<{ id: number }[]>("POST", `/rest/v1/${kind}`, { body: [body] })
        return made
    }

    async #list<T>(kind: string, query: string): Promise<T[]> {
        const all: T[] = []
        for (;;) {
            const page = await this.#http.json<Page<T>>("GET", `/rest/v1/${kind}?q=${encodeURIComponent(query)}&limit=${PAGE}&offset=${all.length}`)
            all.push(...page.content)
            if (page.content.length === 0 || all.length >= page.total) return all
        }
    }
}

const toArtifact = ({ id, providedFilename, hashes, size }: ArtifactJson): Artifact => ({ id, filename: providedFilename, sha256: hashes.sha256, sizeBytes: size })

/** Undefined in the place of a refusal with this status. */
export async function ignoring<T>(status: number, call: Promise<T>): Promise<T | undefined> {
    try {
        return await call
    } catch (error) {
        if (error instanceof HawkbitRefused && error.status === status) return undefined
        throw error
    }
}
