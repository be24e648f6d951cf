import type { Command } from "commander"
import { part } from "../api-client.ts"
import type { CommandDocument } from "../../cloud/operator-api/documents.ts"
import { EXIT } from "../exit-codes.ts"
import { faultOfDiagnostics, formatFault } from "../../toolchain/pack/symbolize.ts"
import { withProgress } from "../progress.ts"
import { action, type Session } from "../session.ts"
import { Symbols } from "../symbols.ts"
import { waitForCommand } from "../wait-for-command.ts"
import { wholeNumber } from "../option-values.ts"

export interface WaitOptions {
    readonly wait?: boolean
    readonly timeout: number
}

export function addTrigger(program: Command): void {
    waitOptions(
        program
            .command("trigger <device> <version>")
            .summary("update one device now")
            .description("Sets what a device should run and tells it at once. VERSION is a version or APP@VERSION."),
    ).action(action((session: Session, options: WaitOptions, device: string, version: string) => triggerUpdate(session, options, device, version)))
}

export function waitOptions(command: Command): Command {
    return command.option("--wait", "wait until the device has confirmed it, or has rolled back").option("--timeout <s>", "how long to wait", wholeNumber, 300)
}

/** Asks for an update and, when told to, waits for its end. */
export async function triggerUpdate(session: Session, options: WaitOptions, device: string, version: string): Promise<number> {
    const { out } = session
    const api = session.api()
    const answer = await api.call<{ command: CommandDocument | null; sync: { state: string } }>("POST", `/devices/${part(device)}/update`, { version })
    if (answer.command === null) {
        out.result({ ok: true, device, version, command: null, sync: answer.sync }, `${device} runs ${version} already (${answer.sync.state})`)
        return EXIT.ok
    }
    if (!options.wait) {
        out.result({ ok: true, device, version, ...answer }, `${device} is told to take ${version} (command ${answer.command.id})`)
        return EXIT.ok
    }
    const { id } = answer.command
    const startMs = performance.now()
    const command = await withProgress(out, `Update ${device} to ${version}`, tell => waitForCommand(api, device, id, options.timeout * 1000, tell))
    const tookMs = Math.round(performance.now() - startMs)
    const ok = command.state === "succeeded"
    const fault = faultOfDiagnostics(command.diagnostics)
    const seen = fault && (await Symbols.open(session, {})).fault(fault)
    out.result({ ok, device, version, command, tookMs, ...(seen ? { fault: seen } : {}) }, () =>
        ok ? `${device} runs ${version}` : [`${device} does not run ${version}: ${command.state}${command.code ? ` (${command.code})` : ""}`, ...(seen ? [formatFault(seen)] : [])].join("\n"),
    )
    return ok ? EXIT.ok : EXIT.updateFailed
}
