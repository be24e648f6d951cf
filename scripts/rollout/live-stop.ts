/**
 * A bad release on a running server: how long after the gate's limit was passed is the last
 * device granted, and told?
 *
 * The moment is taken from the log of events, which is in the order of the commits: replayed
 * with the gate's own judgement, grants and failures show when the limit was passed.
 */
import { judge } from "../../cloud/rollouts/gate.ts"
import { rm } from "node:fs/promises"
import { call, operator, publish, TestDevice, temporaryFolder, until } from "../../test/support/cloud.ts"
import { startProcess } from "../../test/support/server-process.ts"

export interface LiveStop {
    readonly boards: number
    readonly badPercent: number
    /** Devices that were granted the release in all, and of them before the limit was passed. */
    readonly granted: number
    readonly grantedBeforeLimit: number
    readonly failed: number
    /** From passing the limit to the last grant, to the last command that a board was told, and to the stop. */
    readonly lastGrantMs: number
    readonly lastToldMs: number
    readonly stopMs: number
}

interface LoggedEvent {
    readonly type: string
    readonly atMs: number
    readonly data: Record<string, unknown>
}

export async function measureLiveStop(boards: number, badShare: number, draw: () => number): Promise<LiveStop> {
    const dataDir = await temporaryFolder()
    const cloud = await startProcess(dataDir)
    const { must } = operator(cloud.url, cloud.adminToken)
    await publish(cloud, "1.1.0")
    const { items } = await must(201, "POST", "/devices/batch", { devices: Array.from({ length: boards }, (_, n) => ({ id: `b${n}` })) })
    let open = true
    const toldAtMs: number[] = []
    const lives = items.map(async ({ id, token }: { id: string; token: string }) => {
        const device = new TestDevice(cloud.url, id, token)
        const fails = draw() < badShare
        await device.poll()
        while (open) {
            const { status, body } = await device.poll(5)
            if (status !== 200 || body.cmd !== "update") continue
            toldAtMs.push(Date.now())
            // A trial takes its time, while others are granted.
            await new Promise(resolve => setTimeout(resolve, 300 + draw() * 600))
            if (!fails) await device.install(body)
            else {
                await device.status({ id: body.id, state: "trial", v: body.v })
                device.actual.state = "rolledBack"
                await device.status({ id: body.id, state: "rolledBack", v: "1.0.0", code: "HOV_TRIAL_FAULT" })
            }
        }
        device.close()
    })
    await until("all boards to wait", () => call(`${cloud.url}/healthz`), answer => answer.body.heldPolls === boards, 30_000)
    const log = followEvents(cloud)
    await log.listening
    const { id } = await must(201, "POST", "/rollouts", {
        release: "1.1.0",
        ratePerMinute: 6_000,
        gate: { falseStopPercent: 1, baselinePercent: 1 },
        phases: [{ percent: 100 }],
    })
    await until("the gate to stop it", () => must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "paused", 60_000)
    // Whatever would come too late has time to.
    await new Promise(resolve => setTimeout(resolve, 4_000))
    open = false
    const events = await log.stop()
    await Promise.all(lives)
    await cloud.kill()
    await rm(dataDir, { recursive: true, force: true })

    const plan = { alpha: 0.01, baseline: 0.01 }
    let granted = 0
    let failed = 0
    let limitAtMs = Number.NaN
    let grantedBeforeLimit = 0
    let lastGrantAtMs = 0
    let stopAtMs = Number.NaN
    for (const { type, atMs, data } of events) {
        if (type === "command.queued") {
            granted++
            lastGrantAtMs = atMs
        } else if (type === "command.finished" && data.state === "rolledBack") failed++
        else if (type === "rollout.gate") stopAtMs = atMs
        if (!Number.isNaN(limitAtMs)) continue
        if (judge(plan, { paired: 0, pairedBad: 0, controlBad: 0, unpaired: Math.max(granted, 1), unpairedBad: failed }).stop) {
            limitAtMs = atMs
            grantedBeforeLimit = granted
        }
    }
    return {
        boards,
        badPercent: badShare * 100,
        granted,
        grantedBeforeLimit,
        failed,
        lastGrantMs: lastGrantAtMs - limitAtMs,
        lastToldMs: Math.max(...toldAtMs) - limitAtMs,
        stopMs: stopAtMs - limitAtMs,
    }
}

/** Gathers events over SSE. */
function followEvents(cloud: { url: string; adminToken: string }): { listening: Promise<void>; stop(): Promise<LoggedEvent[]> } {
    const abort = new AbortController()
    let opened: () => void = () => {}
    const listening = new Promise<void>(resolve => {
        opened = resolve
    })
    const events: LoggedEvent[] = []
    const reading = (async () => {
        const response = await fetch(`${cloud.url}/api/v1/events?types=command.,rollout.`, {
            headers: { authorization: `Bearer ${cloud.adminToken}` },
            signal: abort.signal,
        })
        let text = ""
        for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
            text += part
            opened()
            const blocks = text.split("\n\n")
            text = blocks.pop() ?? ""
            for (const block of blocks) {
                const data = /^data: (.*)$/m.exec(block)?.[1]
                if (data === undefined) continue
                const { type, at, ...rest } = JSON.parse(data)
                events.push({ type, atMs: Date.parse(at), data: rest })
            }
        }
    })().catch(error => {
        if (!abort.signal.aborted) throw error
    })
    return {
        listening,
        stop: async () => {
            abort.abort()
            await reading
            return events
        },
    }
}
