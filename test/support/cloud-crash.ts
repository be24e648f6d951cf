/**
 * Crash points: the server's files are copied at a random moment, which is what SIGKILL
 * at that moment leaves behind (a commit is in the operating system's hands when it
 * returns, and no JavaScript runs while the files are copied). Then a new server takes
 * up the copy, and the boards go on from what each of them remembered at that moment.
 */
import { copyFileSync, existsSync, mkdirSync } from "node:fs"
import { cp, rm } from "node:fs/promises"
import path from "node:path"
import type { Cloud } from "../../cloud/index.ts"
import { startCloud } from "../../cloud/index.ts"
import { operator, publish, TestDevice, temporaryFolder } from "./cloud.ts"

const TIMINGS = { rolloutTickMs: 20, sweepMs: 20, lazyWriteMs: 20 }

interface Memory {
    readonly id: string
    readonly token: string
    actual: Record<string, unknown>
    /** Ids of all update commands it was ever given. */
    seen: string[]
    /** The end that the server has confirmed with a 200. */
    acknowledged: string | null
}

interface Snapshot {
    readonly dataDir: string
    readonly boards: Memory[]
}

export interface CrashResult {
    readonly points: number
    readonly doubleGrants: number
    readonly lostFinalStates: number
    readonly notConverged: number
}

const VERSION = "1.1.0"
const WORK_MAX_MS = 15_000

export async function runCrashPoints(points: number, seed: number, boards = 8): Promise<CrashResult> {
    const draw = random(seed)
    const result = { points: 0, doubleGrants: 0, lostFinalStates: 0, notConverged: 0 }
    while (result.points < points) {
        const folder = await temporaryFolder()
        const snapshots = await liveRun(folder, boards, draw, points - result.points)
        for (const snapshot of snapshots) {
            const found = await resume(path.join(folder, "live"), snapshot)
            result.points++
            result.doubleGrants += found.doubleGrants
            result.lostFinalStates += found.lostFinalStates
            result.notConverged += found.notConverged
        }
        await rm(folder, { recursive: true, force: true })
    }
    return result
}

/** A whole rollout to a few boards, of which every other one rolls back; copied while it runs. */
async function liveRun(folder: string, count: number, draw: () => number, wanted: number): Promise<Snapshot[]> {
    const dataDir = path.join(folder, "live")
    const cloud = await startCloud({ dataDir, logLevel: "error", timings: TIMINGS })
    await publish(cloud, VERSION)
    const memories: Memory[] = []
    for (let n = 0; n < count; n++) {
        const device = await TestDevice.add(cloud, `b${n}`)
        await device.poll()
        memories.push({ id: device.id, token: device.token, actual: device.actual, seen: [], acknowledged: null })
        device.close()
    }
    const snapshots: Snapshot[] = []
    const copy = (): void => {
        if (snapshots.length >= wanted) return
        const target = path.join(folder, `copy-${snapshots.length}`)
        mkdirSync(target)
        for (const name of ["handover.db", "handover.db-wal", "admin.token"])
            if (existsSync(path.join(dataDir, name))) copyFileSync(path.join(dataDir, name), path.join(target, name))
        snapshots.push({ dataDir: target, boards: structuredClone(memories) })
    }
    let running = true
    const tick = (): void => {
        if (!running) return
        if (draw() < 0.02) copy()
        setImmediate(tick)
    }
    tick()
    await operator(cloud.url, cloud.adminToken).must(201, "POST", "/rollouts", {
        release: VERSION,
        phases: [{ percent: 40, failurePercent: 100, successPercent: 0 }, { percent: 100, failurePercent: 100, successPercent: 0 }],
    })
    await Promise.all(memories.map(memory => live(cloud, memory)))
    copy()
    running = false
    await cloud.close()
    return snapshots
}

async function resume(liveDir: string, snapshot: Snapshot): Promise<Omit<CrashResult, "points">> {
    await cp(path.join(liveDir, "blobs"), path.join(snapshot.dataDir, "blobs"), { recursive: true })
    const before = snapshot.boards.map(board => board.acknowledged)
    const cloud = await startCloud({ dataDir: snapshot.dataDir, logLevel: "error", timings: TIMINGS })
    const { must } = operator(cloud.url, cloud.adminToken)
    const result = { doubleGrants: 0, lostFinalStates: 0, notConverged: 0 }
    for (const [n, { id }] of snapshot.boards.entries()) {
        const shown = await must(200, "GET", `/devices/${id}`)
        if (before[n] !== null && !shown.commands.some((command: any) => command.state === before[n])) result.lostFinalStates++
    }
    if ((await must(200, "GET", "/rollouts")).items.length > 0) {
        const ended = await Promise.all(snapshot.boards.map(board => live(cloud, board)))
        result.notConverged = ended.filter(done => !done).length
    }
    for (const { id, seen } of snapshot.boards) {
        const shown = await must(200, "GET", `/devices/${id}`)
        const updates = shown.commands.filter((command: any) => command.cmd === "update")
        if (new Set(seen).size > 1 || updates.length > 1) result.doubleGrants++
    }
    await cloud.close()
    return result
}

/** A board's life until its update has ended, one way or the other; false when it takes too long. */
async function live(cloud: Cloud, memory: Memory): Promise<boolean> {
    if (memory.acknowledged !== null) return true
    const device = new TestDevice(cloud.url, memory.id, memory.token)
    device.actual = memory.actual
    const rollsBack = Number(memory.id.slice(1)) % 2 === 1
    const end = rollsBack ? "rolledBack" : "succeeded"
    const endMs = Date.now() + WORK_MAX_MS
    try {
        while (Date.now() < endMs) {
            const { status, body } = await device.poll(1)
            if (status !== 200) {
                // It ended before the crash, and only the answer to its last status was lost.
                const state = device.actual.state
                if (state === "confirmed" || state === "rolledBack") return true
                continue
            }
            memory.seen.push(body.id)
            for (const state of ["checking", "downloading", "trial"]) await device.status({ id: body.id, state })
            device.actual.state = rollsBack ? "rolledBack" : "confirmed"
            if (!rollsBack) device.actual.v = body.v
            const last = await device.status({ id: body.id, state: device.actual.state, v: device.actual.v })
            if (last.status !== 200) continue
            memory.acknowledged = end
            return true
        }
        return false
    } finally {
        device.close()
    }
}

function random(seed: number): () => number {
    let state = seed
    return () => {
        state = (state + 0x6d2b79f5) | 0
        let t = Math.imul(state ^ (state >>> 15), 1 | state)
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    }
}
