import { type Command, InvalidArgumentError, Option } from "commander"
import { type ApiClient, part } from "../api-client.ts"
import type { AddedDevice, ClaimsDocument, DeviceDocument, DeviceSummary } from "../../cloud/operator-api/documents.ts"
import { actualText } from "../device-documents.ts"
import { plural, table } from "../output.ts"
import { intoSecretFile } from "../secret-file.ts"
import { action, type Session } from "../session.ts"
import { wholeNumber } from "../option-values.ts"
import { progressText } from "../wait-for-command.ts"

export function addDevices(program: Command): void {
    const devices = program.command("devices").summary("devices at the server").description("Adds, lists and shows devices.")
    devices
        .command("add <device>")
        .description("add a device and make its token, which is shown this once")
        .option("--app <name>", "app whose releases it gets")
        .option("--attribute <name=value>", "what groups filter by; several times for several", attribute, {})
        .option("--env <file>", "write the board's settings (address, token, key) there instead, as the board's .env")
        .addOption(sealOption())
        .addOption(noSealOption())
        .action(action(add))
    devices.command("list").description("list the devices").action(action(list))
    devices.command("show <device>").description("what is desired of a device, what it runs, and what happened").action(action(show))
    devices
        .command("token <device>")
        .description("give a device a new token, and a new key where requests are sealed; the old ones end at once")
        .option("--env <file>", "write the board's settings there instead")
        .addOption(sealOption())
        .addOption(noSealOption())
        .action(action(token))
    devices
        .command("claim [device]")
        .description("make one-time codes that boards enrol with; shown this once")
        .option("--count <n>", "how many, for boards without a name yet", wholeNumber)
        .option("--app <name>", "app whose releases they get")
        .option("--expires-s <n>", "seconds until a code ends", wholeNumber)
        .addOption(sealOption())
        .addOption(noSealOption())
        .action(action(claim))
    devices.command("remove <device>").description("remove a device with all that is known of it").action(action(remove))
}

const sealOption = () => new Option("--seal", "the board gets a key, with which its requests are encrypted without TLS (default when the server's address is http)")
const noSealOption = () => new Option("--no-seal", "it gets none")

/** Without TLS a token travels where everyone can read it, unless the requests are sealed. */
const seals = (api: ApiClient, wanted: boolean | undefined): boolean => wanted ?? api.url.startsWith("http:")

function attribute(text: string, before: Record<string, string>): Record<string, string> {
    const at = text.indexOf("=")
    if (at < 1) throw new InvalidArgumentError("write it as name=value")
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

interface AddOptions {
    readonly app?: string
    readonly attribute: Record<string, string>
    readonly env?: string
    readonly seal?: boolean
}

async function add(session: Session, options: AddOptions, device: string): Promise<void> {
    const api = session.api()
    await handOut(session, api.url, options.env, () =>
        api.call<AddedDevice>("POST", "/devices", { id: device, app: options.app, attributes: options.attribute, ...(seals(api, options.seal) ? { seal: true } : {}) }),
    )
}

async function token(session: Session, options: { env?: string; seal?: boolean }, device: string): Promise<void> {
    const api = session.api()
    await handOut(session, api.url, options.env, async () => {
        const made = await api.call<AddedDevice>("POST", `/devices/${part(device)}/token`, {})
        const { key } = await api.call<{ key: string | null }>("PUT", `/devices/${part(device)}/key`, seals(api, options.seal) ? {} : { key: null })
        return { ...made, ...(key === null ? {} : { key }) }
    })
}

/** A token is made to be put on a board, so this once it is shown, or written where only its owner reads it. */
async function handOut({ out }: Session, url: string, envFile: string | undefined, make: () => Promise<AddedDevice>): Promise<void> {
    const settings = (made: AddedDevice) => `hUrl=${url}\nhId=${made.id}\nhToken=${made.token}\n${made.key ? `hKey=${made.key}\n` : ""}`
    if (envFile === undefined) {
        const made = await make()
        out.result({ ok: true, ...made }, settings(made).trimEnd())
        return
    }
    const made = await intoSecretFile(envFile, make, settings)
    out.result({ ok: true, id: made.id, env: envFile }, `${made.id}: the board's settings are in ${envFile}`)
}

async function list(session: Session): Promise<void> {
    const items = await session.api().list<DeviceSummary>("/devices")
    session.out.result({ ok: true, devices: items }, () =>
        items.length
            ? `${table(
                  items.map(d => [d.id, d.actual?.version ?? "-", d.actual?.bank ?? "-", d.actual?.state ?? "-", d.desired?.version ?? "-", d.sync.state]),
                  ["device", "runs", "bank", "state", "desired", "sync"],
              )}\n${plural(items.length, "device")}`
            : `no devices yet: add one with "handover devices add DEVICE"`,
    )
}

async function show(session: Session, _: object, device: string): Promise<void> {
    const document = await session.api().get<DeviceDocument>(`/devices/${part(device)}`)
    session.out.result({ ok: true, ...document }, () => format(document))
}

function format(d: DeviceDocument): string {
    const lines = [
        `${d.id}${d.app === null ? "" : ` (${d.app})`}`,
        `  runs     ${actualText(d.actual)}${d.actual ? `, base ${d.actual.base}, reported ${d.actual.reportedAt}` : ""}`,
        `  desired  ${d.desired?.release ?? "-"}`,
        `  sync     ${d.sync.state}${d.sync.reason === undefined ? "" : `: ${d.sync.reason}`}`,
    ]
    for (const b of d.blocked) lines.push(`  blocked  ${b.release}: ${b.reason}`)
    for (const [name, value] of Object.entries(d.attributes)) lines.push(`  ${name.padEnd(8)} ${value}`)
    if (d.command) lines.push(`  command  ${d.command.cmd} ${d.command.release ?? ""}: ${d.command.state}${progressText(d.command)}`)
    if (d.history.length)
        lines.push(
            "  history",
            table(d.history.slice(0, 10).map(h => [`    ${h.at}`, h.state, h.version ?? "-", h.bank ?? "-", h.code ?? ""])),
        )
    return lines.join("\n")
}

interface ClaimOptions {
    readonly count?: number
    readonly app?: string
    readonly expiresS?: number
    readonly seal?: boolean
}

async function claim(session: Session, { count, app, expiresS, seal }: ClaimOptions, device?: string): Promise<void> {
    const api = session.api()
    const made = await api.call<ClaimsDocument>("POST", "/claims", { device, count, app, seal: seals(api, seal), expiresInS: expiresS })
    session.out.result({ ok: true, ...made }, () => [...made.codes, `valid once, until ${made.expiresAt}`].join("\n"))
}

async function remove(session: Session, _: object, device: string): Promise<void> {
    await session.api().call("DELETE", `/devices/${part(device)}`)
    session.out.result({ ok: true, id: device }, `${device} is removed`)
}
