/** One simulated handover: everything in it follows from its seed. */
import { SeededRandom } from "../../sim/seeded-random.ts"
import { check } from "./check.ts"
import { Device, Operator, type Ask } from "./clients.ts"
import { Connection, Disk, SharedDisk } from "./disk.ts"
import type { Entry } from "./log.ts"
import type { Mutation } from "./mutations.ts"
import { Server, type Answer, type Packet } from "./server.ts"
import { World } from "./world.ts"

export type Victim = "current" | "next" | "both"

export interface RunOptions {
    readonly seed: number
    readonly mutation?: Mutation | null
    /** Die at the n-th boundary after the handover began; without it the seed decides. */
    readonly kill?: { readonly boundary: number; readonly victim: Victim } | null
    readonly shared?: boolean
}

export interface RunResult {
    readonly seed: number
    readonly shared: boolean
    readonly kills: number
    readonly aborted: boolean
    /** Next ended it by itself. */
    readonly gaveUp: boolean
    readonly phases: readonly string[]
    /** Boundaries from the begin of the handover to the end. */
    readonly boundaries: number
    readonly violations: readonly string[]
    readonly log: readonly Entry[]
}

const LIMIT_MS = 25_000
const HANDOVER_AT_MS = 500
const QUIET_MS = 3_200

export function runHandover(options: RunOptions): RunResult {
    const plan = new SeededRandom(options.seed * 7919 + 17)
    const bad = plan.chance(0.8)
    const world = new World(options.seed, {
        loss: bad ? plan.next() * 0.05 : 0,
        duplication: bad ? plan.next() * 0.1 : 0,
        lateness: bad ? 0.01 : 0,
        delayMinMs: 0.2,
        delayMaxMs: 1 + plan.next() * 30,
    })
    const shared = options.shared ?? plan.chance(0.4)
    const devices = Array.from({ length: plan.integer(2, 5) }, (_, n) => `d${n}`)
    const pacePerS = plan.integer(3, 40)
    const abortAtMs = plan.chance(0.25) ? HANDOVER_AT_MS + plan.next() * 2_500 : null
    // The servers do not reach each other for a while, but their clients reach both.
    const splitAtMs = plan.chance(0.3) ? HANDOVER_AT_MS + plan.next() * 2_500 : Number.POSITIVE_INFINITY
    const splitMs = 300 + plan.next() * 1_500
    const kills = options.kill === undefined ? killsOf(plan) : options.kill === null ? [] : [options.kill]

    const disks: { [name: string]: Disk } = shared ? both(new SharedDisk()) : { current: new Disk(), next: new Disk() }
    for (const device of devices) disks.current.records.set(device, { owner: "current", epoch: 1, snapshot: { version: 1, body: { statuses: [], commands: [], taken: 0 } } })
    const servers: { [name: string]: Server | undefined } = {}
    let wanted = false
    let abortWanted = false

    function start(name: "current" | "next"): void {
        const other = name === "current" ? "next" : "current"
        servers[name] = new Server({
            world,
            name,
            other,
            store: new Connection(world, disks[name], name, other, options.mutation ?? null),
            shared,
            pacePerS,
            mutation: options.mutation ?? null,
            send: packet => link(name, other, packet),
        })
        if (name === "current" && wanted) servers.current?.startHandover()
    }
    function link(from: string, to: string, packet: Packet): void {
        if (world.nowMs >= splitAtMs && world.nowMs < splitAtMs + splitMs) return
        if (packet.kind === "protocol") return world.carry(() => servers[to]?.receive(packet))
        // The answer of a forwarded request comes over the network as well.
        const reply = (answer: Answer): void => world.carry(() => servers[from] !== undefined && packet.reply(answer))
        world.carry(() => servers[to]?.receive({ ...packet, reply }))
    }
    const ask: Ask = (to, request, timeoutMs, then) => {
        let open = true
        const end = (answer: Answer | undefined): void => {
            if (open) then(answer)
            open = false
        }
        world.after(timeoutMs, () => end(undefined))
        world.carry(() => {
            const server = servers[to]
            // Nobody listens: the connection is refused at once.
            if (server === undefined) return end(undefined)
            server.request(request, answer => world.carry(() => end(answer)))
        })
    }
    function kill(victim: Victim): void {
        for (const name of ["current", "next"] as const) {
            if (victim !== "both" && victim !== name) continue
            const server = servers[name]
            if (server === undefined) continue
            server.die()
            servers[name] = undefined
            world.note({ what: "kill", server: name })
            world.after(200 + world.random.next() * 800, () => {
                world.note({ what: "restart", server: name })
                start(name)
            })
        }
    }

    start("current")
    start("next")
    const boards = devices.map(name => new Device({ world, name, ask, list: ["current", "next"], twoConnections: plan.chance(0.4), statuses: plan.integer(2, 8) }))
    const operators = devices.map(device => new Operator({ world, device, ask, list: ["current", "next"], commands: plan.integer(2, 6) }))

    let firstBoundary = Number.POSITIVE_INFINITY
    let killed = 0
    let dying = false
    world.onBoundary = n => {
        if (dying || killed >= kills.length || n < firstBoundary + kills[killed].boundary) return
        dying = true
        const { victim } = kills[killed++]
        // At this boundary, before whatever comes next.
        kill(victim)
        dying = false
    }
    world.after(HANDOVER_AT_MS, () => {
        firstBoundary = world.boundaries
        wanted = true
        servers.current?.startHandover()
    })
    if (abortAtMs !== null) world.after(abortAtMs, () => (abortWanted = true))
    world.after(HANDOVER_AT_MS, function abort() {
        if (abortWanted && servers.current?.leaving?.abort() === true && servers.current.leaving.phase === "aborted") return
        world.after(50, abort)
    })

    // Drawn apart, so that the other chances of a seed stay as they are.
    const apart = new SeededRandom(options.seed * 104_729 + 5)
    let gaveUp = false
    if (apart.chance(0.2)) world.after(HANDOVER_AT_MS + apart.next() * 400, () => (gaveUp = servers.next?.giveUp() === true))

    let quietSinceMs: number | null = null
    const reason = world.run(LIMIT_MS, () => {
        const phase = servers.current?.leaving?.phase
        const settled =
            (phase === "done" || phase === "aborted") &&
            servers.next !== undefined &&
            boards.every((board, n) => board.done && operators[n].done && board.applied === operators[n].issued)
        if (!settled) quietSinceMs = null
        else quietSinceMs ??= world.nowMs
        return quietSinceMs !== null && world.nowMs - quietSinceMs >= QUIET_MS
    })
    for (const device of devices) {
        const owners = shared ? [disks.current.records.get(device)?.owner ?? "nobody"] : ["current", "next"].filter(name => disks[name].records.get(device)?.owner === name)
        const body = disks[owners[0] ?? "current"].records.get(device)?.snapshot?.body
        world.note({ what: "final", device, owners, statuses: body?.statuses ?? [], commands: body?.commands ?? [] })
    }
    world.note({ what: "end", reason })
    if (process.env.HANDOVER_STATES)
        for (const name of ["current", "next"]) console.log(name, servers[name]?.leaving?.phase, JSON.stringify([...(servers[name]?.home.sessions() ?? [])]), JSON.stringify([...disks[name].plans]))
    const phases = world.log.flatMap(entry => (entry.what === "phase" && entry.server === "current" ? [entry.phase] : []))
    return { seed: options.seed, shared, kills: killed, aborted: phases.includes("aborted"), gaveUp, phases, boundaries: world.boundaries - firstBoundary, violations: check(world.log, devices), log: world.log }
}

const both = (disk: Disk) => ({ current: disk, next: disk })

function killsOf(plan: SeededRandom): { boundary: number; victim: Victim }[] {
    const count = plan.chance(0.85) ? (plan.chance(0.3) ? 2 : 1) : 0
    const victims: Victim[] = ["current", "next", "both"]
    const kills = Array.from({ length: count }, () => ({ boundary: plan.integer(1, 600), victim: victims[plan.integer(0, 2)] }))
    return kills.sort((a, b) => a.boundary - b.boundary)
}
