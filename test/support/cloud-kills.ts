/**
 * The server's process is killed with SIGKILL at random moments, of its start too, while
 * one rollout after the other goes to a few boards, half of which roll back. The next
 * process has nothing but the database. Boards and the operator go on as people and
 * boards do: what was not answered is said again.
 */
import { rm } from "node:fs/promises"
import { createServer } from "node:net"
import { SeededRandom } from "../../sim/seeded-random.ts"
import { artifactFile, operator, PATIENCE, TestDevice, temporaryFolder, upload } from "./cloud.ts"
import { databaseOf, dropDatabaseOf } from "./cloud-database.ts"
import { KilledBoard } from "./killed-board.ts"
import { beginProcess } from "./server-process.ts"
import type { StartingProcess } from "./server-process.ts"

const TIMINGS = { rolloutTickMs: 20, sweepMs: 20, lazyWriteMs: 20, enrolMs: 200 }
/** A life ends at a random moment up to this long after the server listens, or as long as its start took where that is longer… */
const LIFE_MS = 700
/** …or, this often, before it does. */
const EARLY_SHARE = 0.15
/** Finished rollouts are watched for a while: with too many of them a start takes longer. */
const POINTS_PER_FOLDER = 100
const WORK_MAX_MS = 20_000 * PATIENCE

export interface KillOptions {
    readonly points: number
    readonly seed: number
    readonly boards?: number
    /** Arguments of node that run test/support/cloud-process.ts. */
    readonly command?: readonly string[]
    say?(text: string): void
}

export interface KillResult {
    readonly points: number
    /** Kills before the server listened. */
    readonly whileStarting: number
    /** Kills with a rollout under way. */
    readonly whileRolling: number
    readonly rollouts: number
    readonly ends: number
    /** A board that was told, or a store that has, more than one command for one release. */
    readonly doubleGrants: number
    /** An end that the server had answered with 200, and does not have after a kill. */
    readonly lostFinalStates: number
    /** Boards whose release had not ended when the server was left alone. */
    readonly notConverged: number
}

type Sums = { -readonly [key in keyof KillResult]: number }

export async function runKills(options: KillOptions): Promise<KillResult> {
    const sums: Sums = { points: 0, whileStarting: 0, whileRolling: 0, rollouts: 0, ends: 0, doubleGrants: 0, lostFinalStates: 0, notConverged: 0 }
    const random = new SeededRandom(options.seed)
    while (sums.points < options.points) {
        const dataDir = await temporaryFolder()
        await databaseOf(dataDir)
        const world = new World(dataDir, await freePort(), options, random, sums)
        await world.run(Math.min(POINTS_PER_FOLDER, options.points - sums.points))
        await dropDatabaseOf(dataDir)
        await rm(dataDir, { recursive: true, force: true })
        options.say?.(JSON.stringify(sums))
    }
    return sums
}

class World {
    readonly #dataDir: string
    readonly #port: number
    readonly #options: KillOptions
    readonly #random: SeededRandom
    readonly #sums: Sums
    readonly #boards: KilledBoard[] = []
    #token = ""
    #version = ""
    #startMs = 1_000
    #open = true

    constructor(dataDir: string, port: number, options: KillOptions, random: SeededRandom, sums: Sums) {
        this.#dataDir = dataDir
        this.#port = port
        this.#options = options
        this.#random = random
        this.#sums = sums
    }

    get #url(): string {
        return `http://127.0.0.1:${this.#port}`
    }

    async run(points: number): Promise<void> {
        let server = this.#begin()
        try {
            await this.#live(points, () => server, () => (server = this.#begin()))
        } finally {
            this.#open = false
            for (const board of this.#boards) board.stop()
            await server.kill()
        }
    }

    async #live(points: number, current: () => StartingProcess, begin: () => StartingProcess): Promise<void> {
        let server = current()
        this.#token = (await server.listening).adminToken
        for (let n = 0; n < (this.#options.boards ?? 12); n++) {
            const device = await TestDevice.add({ url: this.#url, adminToken: this.#token }, `b${n}`)
            this.#boards.push(new KilledBoard(device, new SeededRandom(this.#options.seed * 1_000 + n)))
        }
        const lives = this.#boards.map(board => board.live())
        let trouble: Error | undefined
        const operating = this.#operate().catch(error => (trouble = error as Error))
        for (let point = 0; point < points && trouble === undefined; point++) {
            if (this.#random.next() < EARLY_SHARE) {
                await server.kill()
                server = begin()
                await sleep(this.#random.next() * this.#startMs)
                this.#sums.whileStarting++
            } else {
                await sleep(this.#random.next() * Math.max(LIFE_MS, this.#startMs))
            }
            this.#sums.points++
            if (this.#boards.some(board => !board.hasEnded(this.#version))) this.#sums.whileRolling++
            await server.kill()
            const before = this.#boards.map(board => new Map(board.acknowledged))
            const atMs = performance.now()
            server = begin()
            await server.listening
            this.#startMs = performance.now() - atMs
            await this.#compare(before)
        }
        this.#open = false
        await operating
        if (trouble !== undefined) throw trouble
        for (const board of this.#boards) board.stop()
        await Promise.all(lives)
    }

    #begin(): StartingProcess {
        return beginProcess(this.#dataDir, { timings: TIMINGS, port: this.#port, command: this.#options.command })
    }

    /** Each end that was acknowledged before the kill is what the new process shows. */
    readonly #compared = new Set<string>()
    async #compare(before: readonly ReadonlyMap<string, string>[]): Promise<void> {
        // All of them: of a device the latest are shown, and a life may be long on a busy machine.
        const commands: any[] = await this.#ask("GET", "/export/commands")
        const known = new Set(commands.map(({ device, release, state }) => `${device} ${release} ${state}`))
        for (const [n, ends] of before.entries())
            for (const [version, end] of ends) {
                const name = `${this.#boards[n].id} app@${version} ${end}`
                if (this.#compared.has(name)) continue
                this.#compared.add(name)
                if (!known.has(name)) this.#sums.lostFinalStates++
            }
    }

    /** One release after the other to all boards. */
    async #operate(): Promise<void> {
        for (let round = 1; this.#open; round++) {
            const version = `1.${round}.0`
            const file = artifactFile(version)
            await this.#ask("POST", "/releases", { app: "app", version }, [409])
            await this.#until("the upload", async () => [200, 201].includes((await upload({ url: this.#url, adminToken: this.#token }, `app@${version}/artifacts`, file)).status))
            this.#version = version
            const id = await this.#startRollout(version)
            // A board that does not get there is counted, not waited for without end.
            await this.#until("the boards", async () => this.#boards.every(board => board.hasEnded(version))).catch(() => {})
            await this.#until(`rollout ${version}`, async () => (await this.#ask("GET", `/rollouts/${id}`)).state === "completed")
            await this.#judge(version)
            this.#sums.rollouts++
        }
    }

    /** An answer that was lost must not make a second rollout: its name says whether it is there. */
    async #startRollout(version: string): Promise<string> {
        for (;;) {
            const { items } = await this.#ask("GET", "/rollouts?limit=5")
            const found = items.find((item: any) => item.name === version)
            if (found !== undefined) return found.id
            const phases = [{ percent: 40, failurePercent: 100, successPercent: 0 }, { percent: 100, failurePercent: 100, successPercent: 0 }]
            await operator(this.#url, this.#token)
                .api("POST", "/rollouts", { name: version, release: `app@${version}`, phases })
                .catch(() => sleep(10))
        }
    }

    async #judge(version: string): Promise<void> {
        for (const board of this.#boards) {
            const { commands } = await this.#ask("GET", `/devices/${board.id}`)
            const updates = commands.filter((command: any) => command.cmd === "update" && command.release === `app@${version}`)
            if (updates.length > 1 || board.told(version) > 1) this.#sums.doubleGrants++
            const end = board.acknowledged.get(version)
            if (end === undefined) this.#sums.notConverged++
            else if (updates[0]?.state !== end) this.#sums.lostFinalStates++
            else this.#sums.ends++
        }
    }

    /** Asks until there is an answer: the server may be away. */
    async #ask(method: string, route: string, json?: unknown, also: readonly number[] = []): Promise<any> {
        let body: any
        await this.#until(`${method} ${route}`, async () => {
            const answer = await operator(this.#url, this.#token).api(method, route, json)
            body = answer.body
            return answer.status < 300 || also.includes(answer.status)
        })
        return body
    }

    async #until(what: string, done: () => Promise<boolean>): Promise<void> {
        const endMs = Date.now() + WORK_MAX_MS
        while (!(await done().catch(() => false))) {
            if (Date.now() > endMs) throw new Error(`seed ${this.#options.seed}: waited ${WORK_MAX_MS} ms for ${what}`)
            await sleep(10)
        }
    }
}

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** One that no connection takes while the server is dead: systems give those out from 32768 on. */
async function freePort(): Promise<number> {
    for (;;) {
        const port = 20_000 + Math.floor(Math.random() * 12_000)
        const server = createServer()
        const isFree = await new Promise<boolean>(resolve => {
            server.once("error", () => resolve(false))
            server.listen(port, "127.0.0.1", () => resolve(true))
        })
        if (!isFree) continue
        await new Promise(resolve => server.close(resolve))
        return port
    }
}
