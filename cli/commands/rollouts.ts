import { type Command, InvalidArgumentError } from "commander"
import { existsSync, readFileSync, statSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { part } from "../api-client.ts"
import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import { table } from "../output.ts"
import type { RolloutDocument, RolloutSummary } from "../../cloud/operator-api/rollout-documents.ts"
import { withProgress } from "../progress.ts"
import { action, type Session } from "../session.ts"
import { wholeNumber } from "../option-values.ts"

interface StartOptions {
    readonly name?: string
    readonly group?: string
    readonly filter?: string
    readonly channel?: string
    readonly phase?: Phase[]
    readonly rate?: number
    readonly plan?: string
}

type Phase = { readonly percent: number } | { readonly count: number }

const steers = {
    pause: "no more grants until resumed; what has not left is taken back",
    resume: "go on; the failures so far are accepted",
    advance: "go on from a phase that waits for the operator",
    abort: "no more grants, for good; what is updated stays",
    rollback: "set every device back to what was desired of it before",
} as const

export function addRollouts(program: Command): void {
    const rollouts = program.command("rollouts").alias("rollout").summary("bring a release to many devices, in phases").description("Starts, shows and steers rollouts.")
    rollouts
        .command("start <release>")
        .description("start a rollout to a group, a filter, a channel, or all devices")
        .option("--name <text>", "what people call it")
        .option("--group <name>", "to this group")
        .option("--filter <expression>", "to the devices that this is true of")
        .option("--channel <name>", "to the devices on this channel")
        .option("--phase <size>", "like 5% (of all, each more than the one before) or 10 (devices); several times for several (default: 100%)", phase)
        .option("--rate <n>", "devices per minute", wholeNumber)
        .option("--plan <file>", "more of the plan as JSON: windows, thresholds, gate (see /docs of the server)")
        .action(action(start))
    rollouts.command("list").description("list the rollouts, newest first").action(action(list))
    rollouts
        .command("show <id>")
        .description("show a rollout with its figures")
        .option("--watch", "go on until it has ended")
        .action(action(show))
    for (const [verb, description] of Object.entries(steers))
        rollouts.command(`${verb} <id>`).description(description).action(action((session: Session, _: object, id: string) => steer(session, verb, id)))
}

function phase(text: string, before: Phase[] = []): Phase[] {
    const found = /^(\d+(?:\.\d+)?)(%?)$/.exec(text)
    if (!found || Number(found[1]) <= 0) throw new InvalidArgumentError("write it like 5% or 10")
    return [...before, found[2] ? { percent: Number(found[1]) } : { count: Number(found[1]) }]
}

async function start(session: Session, options: StartOptions, release: string): Promise<void> {
    const { config } = session
    if (options.channel !== undefined && config.channels.length && !config.channels.includes(options.channel))
        throw new CliError("HOV_CLI_USAGE", `there is no channel ${options.channel} in handover.json: it has ${config.channels.join(", ")}`)
    const plan = options.plan === undefined ? {} : readPlan(options.plan)
    const { name, group, filter, channel, rate } = options
    const order = { phases: options.phase ?? [{ percent: 100 }], ...(rate === undefined ? {} : { ratePerMinute: rate }), ...plan }
    const rollout = await session.api().call<RolloutDocument>("POST", "/rollouts", { name, release, group, filter, channel, ...order })
    session.out.result({ ok: true, rollout }, () => formatRollout(rollout))
}

function readPlan(file: string): object {
    if (existsSync(file) && !statSync(file).isFile()) throw new CliError("HOV_CLI_FILE", `${file} is no file`)
    const text = readFileSync(file, "utf8")
    let plan: unknown
    try {
        plan = JSON.parse(text)
    } catch (e) {
        throw new CliError("HOV_CLI_FILE_KIND", `${file} is not JSON: ${(e as Error).message}`)
    }
    if (typeof plan !== "object" || plan === null || Array.isArray(plan)) throw new CliError("HOV_CLI_FILE_KIND", `${file} is no plan: it has to be an object, like {"phases":[{"percent":5},{"percent":100}]}`)
    return plan
}

async function list(session: Session): Promise<void> {
    const rollouts = await session.api().list<RolloutSummary>("/rollouts")
    session.out.result({ ok: true, rollouts }, () =>
        rollouts.length ? table(rollouts.map(r => [r.id, r.release, r.state, `phase ${r.phase + 1}/${r.phases}`, r.name, r.why]), ["id", "release", "state", "", "name", "why"]) : "no rollouts yet",
    )
}

const endStates = ["completed", "aborted", "rolledBack", "paused"]

async function show(session: Session, options: { watch?: boolean }, id: string): Promise<number> {
    const api = session.api()
    const get = () => api.get<RolloutDocument>(`/rollouts/${part(id)}`)
    let rollout = await get()
    if (options.watch && !endStates.includes(rollout.state))
        await withProgress(session.out, `Rollout of ${rollout.release}`, async tell => {
            while (!endStates.includes(rollout.state)) {
                tell(`phase ${rollout.phase + 1}: ${countsText(rollout)}`)
                await sleep(1000)
                rollout = await get()
            }
        })
    session.out.result({ ok: true, rollout }, () => formatRollout(rollout))
    return options.watch && rollout.state !== "completed" ? EXIT.updateFailed : EXIT.ok
}

async function steer(session: Session, verb: string, id: string): Promise<void> {
    const rollout = await session.api().call<RolloutDocument>("POST", `/rollouts/${part(id)}/${verb}`)
    session.out.result({ ok: true, rollout }, () => formatRollout(rollout))
}

export function formatRollout(r: RolloutDocument): string {
    const counts = countsText(r)
    const lines = [`rollout ${r.id} of ${r.release}: ${r.state}${r.why ? ` (${r.why})` : ""}, phase ${r.phase + 1} of ${r.phases}${counts ? `; ${counts}` : ""}`]
    if (r.waitsFor !== null && r.waitsFor !== "ended") lines.push(`waits for ${waits[r.waitsFor]}`)
    if (r.gate !== null) lines.push(`gate: evidence ${r.gate.evidence} that it is worse, stops at ${r.gate.stopsAt}; ${r.gate.pairedBad + r.gate.unpairedBad} of ${r.gate.paired + r.gate.unpaired} bad`)
    return lines.join("\n")
}

const waits: Readonly<Record<Exclude<RolloutDocument["waitsFor"], "ended" | null>, string>> = {
    start: "its start",
    window: "its hours",
    rate: "its rate",
    devices: "devices",
    soak: "the end of its soak time",
    operator: "you: handover rollouts advance",
}

function countsText(r: RolloutDocument): string {
    return Object.entries(r.devices)
        .map(([state, n]) => `${n} ${state}`)
        .join(", ")
}
