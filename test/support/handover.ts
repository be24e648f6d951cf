/** What the tests of a handover between two servers share. */
import { get } from "node:http"
import * as assert from "uvu/assert"
import { readEvents, type ServerEvent } from "../../cli/event-stream.ts"
import { call, operator, type TestDevice, until } from "./cloud.ts"

export interface Address {
    readonly url: string
    readonly adminToken: string
}

export const begin = (current: Address, next: Address, pacePerS = 200): Promise<any> =>
    operator(current.url, current.adminToken).must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS })

export const phase = (server: Address, wanted: string, timeoutMs = 15_000): Promise<any> =>
    until(`phase ${wanted}`, () => operator(server.url, server.adminToken).must(200, "GET", "/server/handover"), progress => progress.phase === wanted, timeoutMs)

/** A board with one socket, as its firmware has it: holds polls, follows `move`, takes every command through. */
export class Follower {
    device: TestDevice
    moves = 0
    readonly commands: string[] = []
    readonly failures: string[] = []
    #stopped = false
    readonly #end: Promise<void>
    readonly #all = new Set<TestDevice>()

    constructor(device: TestDevice, onCommand: (device: TestDevice, command: any) => Promise<void> = (at, command) => at.install(command)) {
        this.device = device
        this.#all.add(device)
        this.#end = this.#run(onCommand)
    }

    async #run(onCommand: (device: TestDevice, command: any) => Promise<void>): Promise<void> {
        while (!this.#stopped) {
            try {
                const { status, body, bytes } = await this.device.poll(1)
                if (status !== 200 && status !== 202) throw new Error(`${status} ${bytes}`)
                if (status !== 200) continue
                if (body.cmd !== undefined) {
                    if (this.commands.at(-1) !== body.id) this.commands.push(body.id)
                    await onCommand(this.device, body)
                }
                if (body.move === undefined) continue
                this.moves++
                const { actual } = this.device
                this.device = this.device.at(body.move)
                this.device.actual = actual
                this.#all.add(this.device)
            } catch (error) {
                this.failures.push((error as Error).message)
                await new Promise(resolve => setTimeout(resolve, 50))
            }
        }
    }

    async stop(): Promise<void> {
        this.#stopped = true
        await this.#end
        for (const device of this.#all) device.close()
    }
}

export interface Listening {
    readonly events: ServerEvent[]
    /** Resolves when the server ends the stream. */
    readonly ended: Promise<void>
    close(): void
}

/** Listens to a server's events; resolves when the server answers. */
export function listen(server: Address, lastId: number | null = null): Promise<Listening> {
    return new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${server.adminToken}`, ...(lastId === null ? {} : { "last-event-id": String(lastId) }) }
        const request = get(`${server.url}/api/v1/events`, { headers }, response => {
            assert.is(response.statusCode, 200)
            const events: ServerEvent[] = []
            const ended = (async () => {
                for await (const event of readEvents({ body: response } as unknown as Response)) events.push(event)
            })().catch(() => {})
            resolve({ events, ended, close: () => request.destroy() })
        })
        request.once("error", reject)
    })
}

/** Numbers of the log's events, which must rise. */
export function numbersOf(events: readonly ServerEvent[]): number[] {
    const ids = events.flatMap(({ id }) => (id === null ? [] : [id]))
    for (let n = 1; n < ids.length; n++) assert.ok(ids[n] > ids[n - 1], `${ids[n]} after ${ids[n - 1]}`)
    return ids
}

export const healthOf = async (server: Address): Promise<any> => (await call(`${server.url}/healthz`)).body
