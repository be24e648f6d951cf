/** A server with a fleet on it: boards, releases as the toolchain makes them, rollouts in every state. */
import type { ChildProcess } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openCloud, until } from "../../test/support/cloud.ts"
import { runCli, sampleProject, startCli } from "../../test/support/cli.ts"
import type { Scene } from "../../test/support/console-views.ts"

export interface FilledScene extends Scene {
    readonly devices: number
    /** Starts something that makes many live events. */
    moveSome(): Promise<void>
}

export interface World {
    readonly url: string
    readonly adminToken: string
    /** Brings the fleet up; `picture` is called where the console shows something of its own. */
    fill(picture: (name: string) => Promise<void>): Promise<FilledScene>
    close(): Promise<void>
}

const OLD_BASE = "0ddba5e00ddba5e0"
const TIMINGS = { rolloutTickMs: 200, sweepMs: 200, sampleMs: 1_000 }

export async function openWorld({ boards, real, say }: { boards: number; real: number; say: (text: string) => void }): Promise<World> {
    const cloud = await openCloud({ timings: TIMINGS })
    const project = sampleProject()
    const env = { HANDOVER_URL: cloud.url, HANDOVER_TOKEN: cloud.adminToken, HANDOVER_KEY_PASSPHRASE: "only for this test" }
    const children: ChildProcess[] = []
    const cli = async (...args: string[]): Promise<any> => {
        const ran = await runCli([...args, "--project", project.path, "--json"], { env })
        if (ran.code !== 0) throw new Error(`handover ${args.join(" ")}: ${ran.code}\n${ran.stdout}${ran.stderr}`)
        return ran.json
    }
    const start = (...args: string[]): void => {
        const child = startCli([...args, "--project", project.path, "--json"], { env })
        child.stdout?.resume()
        let errors = ""
        child.stderr?.on("data", chunk => (errors = (errors + chunk).slice(-2_000)))
        child.on("exit", code => code !== 0 && code !== null && say(`handover ${args.join(" ")} ended with ${code}: ${errors}`))
        children.push(child)
    }
    const edit = (path: string, change: (text: string) => string): void => writeFileSync(join(project.path, path), change(readFileSync(join(project.path, path), "utf8")))
    const held = async (wanted: number, timeoutMs: number): Promise<void> => {
        const polls = async (): Promise<number> => ((await (await fetch(`${cloud.url}/healthz`)).json()) as { heldPolls: number }).heldPolls
        await until(`${wanted} held polls`, polls, now => now >= wanted, timeoutMs)
    }
    const rollout = (order: Record<string, unknown>): Promise<any> => cloud.must(201, "POST", "/rollouts", order)
    const state = (id: string, states: readonly string[], timeoutMs = 90_000): Promise<any> => until(`rollout ${id} ${states}`, () => cloud.must(200, "GET", `/rollouts/${id}`), now => states.includes(now.state), timeoutMs)

    async function fill(picture: (name: string) => Promise<void>): Promise<FilledScene> {
        say("building and signing releases")
        await cli("keys", "new", "keys/1.key", "--height", "5")
        const { baseId } = await cli("build", "--release", "1.0.0").then(() => JSON.parse(readFileSync(join(project.path, "built/base.json"), "utf8")) as { baseId: string })
        edit("src/app/controller.ts", text => text.replace("return limitPower(", "return limitPower(0.9 * "))
        await cli("publish", "1.1.0", "--notes", "Softer power limit")
        edit("src/app/heater.ts", text => text.replace("const cooling = ", "const cooling = 1 * "))
        const { release: newest } = await cli("publish", "1.2.0", "--notes", "Cooling is scaled")
        edit("src/app/heater.ts", text => text.replace("const cooling = ", "const cooling = (this as any).missing.field + "))
        await cli("publish", "1.3.0", "--notes", "Reads a sensor that not every board has")
        await cloud.must(201, "POST", "/releases/1.2.0/refusals", {
            base: OLD_BASE,
            reasons: [{ code: "HOV114", functionName: "regulate", location: "src/app/controller.ts:41", detail: "the function waits in a loop whose locals cannot be carried over", fix: "Move the body of the loop into a function of its own." }],
        })
        say(`starting ${boards} boards and ${real} with the VM`)
        if (real > 0) start("fleet", "--real", "--boards", String(real), "--name", "bench-", "--hold", "30")
        start("fleet", "--boards", String(boards), "--name", "board-", "--base", baseId, "--hold", "50", "--trial-ms", "400", "--fail", "1", "--seed", "4")
        start("fleet", "--boards", "12", "--name", "old-", "--base", OLD_BASE, "--runs", "0.9.0", "--hold", "50")
        await until("the first boards", () => cloud.must(200, "GET", "/fleet"), now => now.reported > Math.min(200, boards / 2), 60_000)
        await picture("filling")
        await held(boards + 12, 240_000)
        const devices = boards + 12 + real
        await until("all devices", () => cloud.must(200, "GET", "/fleet"), now => now.devices === devices && now.reported >= devices, 60_000)

        say("rolling out")
        await cloud.must(201, "POST", "/groups", { name: "tens", filter: "id ~ board-1*" })
        const all = (share: number) => ({ percent: share, minFinished: 100, failurePercent: 50 })
        const first = await rollout({ name: "spring", release: "1.1.0", filter: "id ~ board-*", phases: [{ count: 200 }, { count: 700, successPercent: 90 }, { count: 1_500, successPercent: 90 }] })
        await state(first.id, ["completed"])
        const bad = await rollout({ name: "sensor-trial", release: "1.3.0", filter: "id ~ bench-*", phases: [{ percent: 100, minFinished: 1, failurePercent: 10 }] })
        if (real > 0) await state(bad.id, ["paused"])
        const running = await rollout({ name: "summer-2", release: "1.2.0", phases: [{ count: 400, manual: true, minFinished: 100 }, all(50), all(100)], gate: { baselinePercent: 3 } })
        await until("the phase that waits", () => cloud.must(200, "GET", `/rollouts/${running.id}`), now => now.waitsFor === "operator" || now.state !== "running", 60_000)
        const device = real > 0 ? "bench-0" : "board-0"
        let moves = 0
        return {
            device,
            release: newest,
            rollout: running.id,
            devices,
            moveSome: async () => {
                const { id } = await rollout({ name: `moves-${++moves}`, release: "1.2.0", group: "tens", phases: [{ count: 400 * moves, successPercent: 50, failurePercent: 90 }] })
                await until("its first grants", () => cloud.must(200, "GET", `/rollouts/${id}`), now => Object.values(now.devices as Record<string, number>).reduce((a, b) => a + b, 0) > 0, 30_000)
            },
        }
    }

    return {
        url: cloud.url,
        adminToken: cloud.adminToken,
        fill,
        close: async () => {
            for (const child of children) child.kill("SIGTERM")
            await Promise.all(children.map(child => (child.exitCode === null && child.signalCode === null ? new Promise(resolve => child.once("exit", resolve)) : undefined)))
            await cloud.done()
            project.remove()
        },
    }
}
