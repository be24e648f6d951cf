import type { Command } from "commander"
import { type ApiClient, part } from "../api-client.ts"
import { CliError } from "../cli-error.ts"
import type { DeviceDocument, ReleaseDocument } from "../../cloud/operator-api/documents.ts"
import { actualText } from "../device-documents.ts"
import { EXIT } from "../exit-codes.ts"
import { BRIDGE_DEFAULT, type BusTarget, type SimTarget } from "../jacdac/one-board.ts"
import { action, type Session } from "../session.ts"
import { progressText } from "../wait-for-command.ts"
import { triggerUpdate, type WaitOptions, waitOptions } from "./trigger.ts"
import * as bus from "./updater-jacdac.ts"

interface Target {
    readonly device: string
}

/** Device states in which an update is on its way. */
const busyStates = ["checking", "downloading", "ready", "trial"]
const badStates = ["failed", "rolledBack"]

export function addUpdater(program: Command): void {
    const updater = program.command("updater").summary("the updater of one board").description("What the updater library of a board offers its application, from here: over the server, or with --jacdac over the bus; with --sim that of a simulated board.")
    const verb = (name: string, description: string) =>
        updater
            .command(name)
            .description(description)
            .option("--device <id>", "the board; with --jacdac the id of its bootloader service on the bus, needed when there are several")
            .option("--jacdac", "over the bus, without a server: updates are those built in this project")
            .option("--sim", "a simulated board of this project, powered on for it, with the flash that \"handover simulate\" keeps")
            .option("--flash <file>", "with --sim: where the flash is kept (default: OUT/simulator.flash)")
            .option("--bridge <host:port>", "with --jacdac: where the Jacdac bridge is (npx devicescript devtools)", BRIDGE_DEFAULT)
    verb("check", "is there an update? exit code 0: up to date, 10: available").action(either(check, bus.check))
    verb("current", "what runs now: version, bank, base").action(either(current, bus.current))
    verb("path", "which bank runs next").action(either(path, bus.path))
    waitOptions(verb("update [version]", "take an update now (default: the newest for its base)")).action(either(update, bus.update))
    verb("status", "state, progress, last error; exit code 11: under way, 12: the last one failed").action(either(status, bus.status))
    verb("cancel", "stop what is under way; nothing is desired of the board then").action(either(cancel, bus.cancel))
}

type Verb<T> = (session: Session, options: T & WaitOptions, version?: string) => Promise<unknown>

/** The same verb over the server or over the bus. */
function either(overServer: Verb<Target>, overBus: Verb<BusTarget | SimTarget>) {
    return action(async (session: Session, options: BusTarget & WaitOptions & { readonly jacdac?: boolean; readonly sim?: true; readonly flash?: string }, version?: string) => {
        const { jacdac, sim, device } = options
        if (jacdac && sim) throw new CliError("HOV_CLI_USAGE", "--jacdac or --sim, not both")
        if (!jacdac && !sim && device === undefined) throw new CliError("HOV_CLI_USAGE", "which board? Name it with --device ID, reach the one on the bus with --jacdac, or a simulated one with --sim")
        const code = await (jacdac || sim ? overBus(session, options, version) : overServer(session, { ...options, device: device! }, version))
        return typeof code === "number" ? code : EXIT.ok
    })
}

const look = (api: ApiClient, { device }: Target) => api.get<DeviceDocument>(`/devices/${part(device)}`)

function actualOf(document: DeviceDocument): NonNullable<DeviceDocument["actual"]> {
    if (document.actual === null)
        throw new CliError("HOV_CLI_NOT_REPORTED", `${document.id} has not reported yet: give it its address and token (see "handover devices add") and wait for its first poll`, EXIT.failed)
    return document.actual
}

/** The release with the highest sequence for the board's base, not one that it failed with. */
async function newest(api: ApiClient, document: DeviceDocument) {
    const { base } = actualOf(document)
    const query = document.app === null ? "" : `?app=${encodeURIComponent(document.app)}`
    let best: { release: string; version: string; sequence: number; bytes: number } | undefined
    for (const r of await api.list<ReleaseDocument>(`/releases${query}`)) {
        if (document.blocked.some(b => b.release === r.id)) continue
        const artifact = r.artifacts.find(a => a.base === base)
        if (artifact && artifact.sequence > (best?.sequence ?? 0)) best = { release: r.id, version: r.version, sequence: artifact.sequence, bytes: artifact.imageBytes }
    }
    return best
}

async function check(session: Session, options: Target): Promise<number> {
    const api = session.api()
    const document = await look(api, options)
    const actual = actualOf(document)
    const best = await newest(api, document)
    const available = best !== undefined && best.sequence > actual.sequence && best.version !== actual.version
    session.out.result({ ok: true, device: document.id, current: actual.version, available: available ? best : null }, () =>
        available ? `${best.release} is available: ${best.bytes} bytes; ${document.id} runs ${actual.version}` : `${document.id} is up to date: ${actual.version}`,
    )
    return available ? EXIT.available : EXIT.ok
}

async function current(session: Session, options: Target): Promise<void> {
    const actual = actualOf(await look(session.api(), options))
    const { version, sequence, bank, base, state, channel, reportedAt } = actual
    session.out.result({ ok: true, device: options.device, version, sequence, bank, base, state, channel, reportedAt }, `${actualText(actual)}, base ${base}`)
}

/** An update goes to the bank that does not run: from R or B to A, from A to B. */
async function path(session: Session, options: Target): Promise<void> {
    const document = await look(session.api(), options)
    const actual = actualOf(document)
    const pending = document.command?.cmd === "update" && actual.version !== document.desired?.version
    const next = pending ? (actual.bank === "A" ? "B" : "A") : actual.bank
    const version = pending ? (document.desired?.version ?? null) : actual.version
    session.out.result({ ok: true, device: document.id, now: actual.bank, next, version }, () =>
        pending ? `bank ${next} next, with ${version}; now bank ${actual.bank} with ${actual.version}` : `bank ${next} goes on, with ${version}`,
    )
}

async function update(session: Session, options: Target & WaitOptions, version?: string): Promise<number> {
    if (version !== undefined) return triggerUpdate(session, options, options.device, version)
    const api = session.api()
    const document = await look(api, options)
    const best = await newest(api, document)
    const actual = actualOf(document)
    if (best === undefined || best.sequence <= actual.sequence || best.version === actual.version) {
        session.out.result({ ok: true, device: document.id, version: actual.version, command: null }, `${document.id} is up to date: ${actual.version}`)
        return EXIT.ok
    }
    return triggerUpdate(session, options, options.device, best.release)
}

async function status(session: Session, options: Target): Promise<number> {
    const document = await look(session.api(), options)
    const last = document.commands.find(c => c.cmd === "update") ?? null
    const actual = document.actual
    const busy = document.command?.cmd === "update" || (actual !== null && busyStates.includes(actual.state))
    const bad = !busy && (badStates.includes(last?.state ?? "") || badStates.includes(actual?.state ?? ""))
    const state = actual?.state ?? "unknown"
    session.out.result({ ok: !bad, device: document.id, state, busy, version: actual?.version ?? null, sync: document.sync, command: last }, () => {
        const lines = [`${document.id}: ${actualText(actual)}`]
        if (last) lines.push(`last update: ${last.release ?? ""} ${last.state}${busy ? progressText(last) : ""}${last.code ? `, ${last.code}` : ""}`)
        if (document.sync.reason) lines.push(`${document.sync.state}: ${document.sync.reason}`)
        return lines.join("\n")
    })
    return busy ? EXIT.busy : bad ? EXIT.updateFailed : EXIT.ok
}

async function cancel(session: Session, { device }: Target): Promise<void> {
    const answer = await session.api().call<{ command: { id: string; state: string } | null }>("POST", `/devices/${part(device)}/cancel`)
    session.out.result({ ok: true, device, ...answer }, `${device}: ${answer.command ? `command ${answer.command.id} is ${answer.command.state}` : "cancelled"}`)
}
