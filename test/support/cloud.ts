/** What the cloud's tests share: a server on a free port with a real database, clients, artifacts. */
import { createHash, randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { Agent, request } from "node:http"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Cloud, CloudOptions } from "../../cloud/index.ts"
import { startCloud } from "../../cloud/index.ts"
import { encodeArtifact } from "../../toolchain/format/artifact.ts"
import { databaseOf, dropDatabaseOf, hawkbitOf } from "./cloud-database.ts"

export const BASE = "00112233445566aa"

export interface Answer {
    readonly status: number
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
    readonly bytes: Buffer
    readonly body: any
}

export interface CallOptions {
    readonly method?: string
    readonly token?: string | null
    readonly json?: unknown
    readonly raw?: string | Uint8Array
    readonly headers?: Record<string, string>
    readonly agent?: Agent
    readonly signal?: AbortSignal
}

/** One HTTP exchange; nothing is retried. */
export function call(url: string, options: CallOptions = {}): Promise<Answer> {
    const body = options.json === undefined ? options.raw : JSON.stringify(options.json)
    return new Promise((resolve, reject) => {
        const headers: Record<string, string | number> = { ...options.headers }
        if (options.token) headers.authorization = `Bearer ${options.token}`
        if (options.json !== undefined) headers["content-type"] ??= "application/json"
        if (body !== undefined) headers["content-length"] = Buffer.byteLength(body)
        const method = options.method ?? (body === undefined ? "GET" : "POST")
        const sent = request(url, { method, headers, agent: options.agent, signal: options.signal }, response => {
            const parts: Buffer[] = []
            response.on("data", part => parts.push(part))
            response.on("error", reject)
            response.on("end", () => {
                const bytes = Buffer.concat(parts)
                const isJson = String(response.headers["content-type"]).includes("json")
                resolve({
                    status: response.statusCode ?? 0,
                    headers: response.headers,
                    bytes,
                    body: isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined,
                })
            })
        })
        sent.on("error", reject)
        sent.end(body)
    })
}

export interface TestCloud extends Cloud {
    readonly dataDir: string
    /** A call as the first admin. */
    api(method: string, route: string, json?: unknown): Promise<Answer>
    /** The same, which must answer with this status. */
    must(status: number, method: string, route: string, json?: unknown): Promise<any>
    /** Closes the server and removes its folder. */
    done(): Promise<void>
}

export async function openCloud(options: Partial<CloudOptions> = {}): Promise<TestCloud> {
    const dataDir = options.dataDir ?? (await temporaryFolder())
    const cloud = await startCloud({ logLevel: "error", databaseUrl: await databaseOf(dataDir), hawkbit: hawkbitOf(dataDir), ...options, dataDir })
    return {
        ...cloud,
        dataDir,
        ...operator(cloud.url, cloud.adminToken),
        done: async () => {
            await cloud.close()
            await dropDatabaseOf(dataDir)
            await rm(dataDir, { recursive: true, force: true })
        },
    }
}

/** Servers for the time of some work; each is closed and removed, whatever becomes of the work and of the others. */
export async function withClouds(count: number, work: (...clouds: TestCloud[]) => Promise<void>, options: Partial<CloudOptions> = {}): Promise<void> {
    const clouds: TestCloud[] = []
    try {
        while (clouds.length < count) clouds.push(await openCloud(options))
        await work(...clouds)
    } finally {
        const ends = await Promise.allSettled(clouds.map(cloud => cloud.done()))
        for (const end of ends) if (end.status === "rejected") console.error(end.reason)
        if (ends.some(end => end.status === "rejected")) process.exitCode = 1
    }
}

export function operator(url: string, token: string) {
    const api = (method: string, route: string, json?: unknown) =>
        call(`${url}/api/v1${route}`, { method, token, json })
    const must = async (status: number, method: string, route: string, json?: unknown) => {
        const answer = await api(method, route, json)
        if (answer.status !== status)
            throw new Error(`${method} ${route}: ${answer.status} instead of ${status}: ${answer.bytes.toString().slice(0, 600)}`)
        return answer.body
    }
    return { api, must }
}

export const temporaryFolder = (): Promise<string> => mkdtemp(path.join(tmpdir(), "handover-cloud-"))

let sequence = 0

export interface ArtifactOptions {
    readonly base?: string
    readonly sizeBytes?: number
    readonly sequence?: number
    readonly image?: Uint8Array
    readonly downgradeAllowed?: boolean
}

/** An artifact file in the real format; its signature is bytes of the right size, which only a board judges. */
export function artifactFile(version: string, options: ArtifactOptions = {}): Buffer {
    const image = options.image ?? randomBytes(options.sizeBytes ?? 300)
    return Buffer.from(
        encodeArtifact(
            {
                baseId: options.base ?? BASE,
                sequence: options.sequence ?? ++sequence,
                imageSizeBytes: image.length,
                productId: 1,
                notAfterUnixS: 0,
                imageDigest: sha256(image),
                version,
                downgradeAllowed: options.downgradeAllowed ?? false,
                cold: false,
            },
            randomBytes(1456),
            image,
        ),
    )
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Adds a release with one artifact. */
export async function publish(cloud: { url: string; adminToken: string }, version: string, options: ArtifactOptions & { app?: string } = {}) {
    const app = options.app ?? "app"
    const { must } = operator(cloud.url, cloud.adminToken)
    await must(201, "POST", "/releases", { app, version })
    const answer = await upload(cloud, `${app}@${version}/artifacts`, artifactFile(version, options))
    if (answer.status !== 201) throw new Error(`upload: ${answer.status} ${answer.bytes}`)
    return answer.body
}

/** Sends a file to a release: `app@1.0.0/artifacts`, `/bases`, `/maps`. */
export const upload = (cloud: { url: string; adminToken: string }, to: string, raw: Uint8Array | string): Promise<Answer> =>
    call(`${cloud.url}/api/v1/releases/${to}`, { token: cloud.adminToken, raw, headers: { "content-type": "application/octet-stream" } })

/** A board at the level of the protocol: it remembers what it runs and speaks the device API. */
export class TestDevice {
    readonly id: string
    readonly token: string
    readonly agent = new Agent({ keepAlive: true, maxSockets: 8 })
    actual: Record<string, unknown> = { v: "1.0.0", seq: 0, base: BASE, bank: "R", state: "idle", boot: 1, up: 1000 }
    readonly #url: string

    constructor(url: string, id: string, token: string) {
        this.#url = url
        this.id = id
        this.token = token
    }

    static async add(cloud: { url: string; adminToken: string }, id: string, more: Record<string, unknown> = {}): Promise<TestDevice> {
        const { must } = operator(cloud.url, cloud.adminToken)
        const { token } = await must(201, "POST", "/devices", { id, ...more })
        return new TestDevice(cloud.url, id, token)
    }

    /** The same board talking to another server. */
    at(url: string): TestDevice {
        const device = new TestDevice(url, this.id, this.token)
        device.actual = this.actual
        return device
    }

    poll(ct = 0, signal?: AbortSignal): Promise<Answer> {
        this.actual.up = Number(this.actual.up) + 10
        return call(`${this.#url}/v1/dfu/${this.id}/poll?ct=${ct}`, {
            token: this.token,
            json: this.actual,
            agent: this.agent,
            signal,
        })
    }

    status(body: Record<string, unknown>): Promise<Answer> {
        return call(`${this.#url}/v1/dfu/${this.id}/status`, { token: this.token, json: body, agent: this.agent })
    }

    blob(digest: string, offset: number, length: number): Promise<Answer> {
        return call(`${this.#url}/v1/blobs/${digest}?offset=${offset}&length=${length}`, { token: this.token, agent: this.agent })
    }

    /** Takes a command through to its end, as a board does: an update, or the way back to its base. */
    async install(command: any): Promise<void> {
        if (command.cmd === "revert") {
            await this.status({ id: command.id, state: "checking" })
            this.actual = { ...this.actual, v: "1.0.0", seq: 0, bank: "R", state: "confirmed" }
            await this.status({ id: command.id, state: "confirmed", v: "1.0.0", seq: 0, bank: "R" })
            return
        }
        for (const state of ["checking", "downloading", "ready"]) await this.status({ id: command.id, state })
        const seq = Buffer.from(command.m, "hex").readUInt32LE(16)
        this.actual = { ...this.actual, v: command.v, seq, bank: "A", state: "trial" }
        await this.status({ id: command.id, state: "trial", v: command.v, seq, bank: "A" })
        this.actual = { ...this.actual, state: "confirmed" }
        await this.status({ id: command.id, state: "confirmed", v: command.v, seq, bank: "A" })
    }

    close(): void {
        this.agent.destroy()
    }
}

/** How many times longer everything may take than on a quiet machine: a deadline is there to end a test, not to measure. */
export const PATIENCE = Number(process.env.HANDOVER_TEST_PATIENCE ?? 3)

/** Asks until the answer is as wanted; for what another process or the next tick brings about. */
export async function until<T>(what: string, ask: () => Promise<T>, wanted: (value: T) => boolean, timeoutMs = 5_000): Promise<T> {
    const deadline = Date.now() + timeoutMs * PATIENCE
    for (;;) {
        const value = await ask()
        if (wanted(value)) return value
        if (Date.now() > deadline) throw new Error(`waited ${timeoutMs * PATIENCE} ms for ${what}; last: ${JSON.stringify(value)}`)
        await new Promise(resolve => setTimeout(resolve, 10))
    }
}
