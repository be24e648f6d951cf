/** A device as the operator sees it: desired and actual as two objects, never mixed. */
import type { ControllerPolicy } from "../controller/decide.ts"
import { decide } from "../controller/decide.ts"
import { isFinal } from "../device-state.ts"
import type { ActualRow, CommandRow, DesiredRow, DeviceRow, StatusRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { DeviceView } from "../store/views.ts"
import type { ActualDocument, CommandDocument, DesiredDocument, DeviceDocument, DeviceSummary, DiagnosticsDocument, Ledger, StatusDocument, SyncDocument } from "./documents.ts"
import { iso } from "./schemas.ts"

export async function deviceDocument(repos: Repos, device: DeviceRow, policy: ControllerPolicy, nowMs: number): Promise<DeviceDocument> {
    const [desired, actual, blocks, commands, history, views] = [
        await repos.desired.get(device.id),
        await repos.devices.getActual(device.id),
        await repos.desired.blocks(device.id),
        await repos.commands.list(device.id, 20),
        await repos.devices.history(device.id, null, 50),
        await repos.views.devices([device.id]),
    ]
    return {
        id: device.id,
        app: device.app,
        attributes: JSON.parse(device.attributes) as Record<string, string>,
        createdAt: iso(device.createdAtMs),
        desired: desired === undefined ? null : desiredDocument(desired, views[0]),
        actual: actual === undefined ? null : actualDocument(actual),
        sync: syncDocument(views[0], policy, nowMs),
        command: commands.filter(command => !isFinal(command.state)).map(commandDocument)[0] ?? null,
        blocked: blocks.map(block => ({
            release: block.releaseId,
            reason: block.reason,
            command: block.commandId,
            at: iso(block.atMs),
        })),
        commands: commands.map(commandDocument),
        history: history.map(statusDocument),
    }
}

/** The short form of a list. */
export function deviceSummary(
    device: DeviceRow,
    view: DeviceView | undefined,
    report: { readonly channel: string | null; readonly reportedAtMs: number } | undefined,
    policy: ControllerPolicy,
    nowMs: number,
): DeviceSummary {
    return {
        id: device.id,
        app: device.app,
        attributes: JSON.parse(device.attributes) as Record<string, string>,
        desired: view?.releaseId == null ? null : { release: view.releaseId, version: view.version },
        actual:
            view?.actualVersion == null
                ? null
                : {
                      version: view.actualVersion,
                      base: view.actualBaseId,
                      bank: view.actualBank,
                      state: view.actualState,
                      channel: report?.channel ?? null,
                      reportedAt: iso(report?.reportedAtMs ?? null),
                  },
        sync: syncDocument(view, policy, nowMs),
    }
}

export function syncDocument(view: DeviceView | undefined, policy: ControllerPolicy, nowMs: number): SyncDocument {
    if (view === undefined) return { state: "unmanaged" }
    const { sync } = decide(view, nowMs, policy)
    return sync === "blocked" ? { state: sync, reason: view.blockReason } : { state: sync }
}

function desiredDocument(desired: DesiredRow, view: DeviceView | undefined): DesiredDocument {
    return {
        release: desired.releaseId,
        version: view?.version ?? null,
        generation: Number(desired.generation),
        rollout: desired.rolloutId,
        setBy: desired.setBy,
        setAt: iso(desired.setAtMs),
    }
}

function actualDocument(actual: ActualRow): ActualDocument {
    return {
        version: actual.version,
        sequence: Number(actual.sequence),
        base: actual.baseId,
        bank: actual.bank,
        state: actual.state,
        boots: actual.bootCount,
        channel: actual.channel,
        uptimeMs: actual.uptimeMs,
        ledger: ledgerDocument(actual.ledger),
        reportedAt: iso(actual.reportedAtMs),
        changedAt: iso(actual.changedAtMs),
    }
}

/** The update ledger: calls that began before an update and still run the code that was current then. */
function ledgerDocument(text: string | null): Ledger {
    const { count, calls } = text === null ? { count: 0, calls: [] } : (JSON.parse(text) as { count: number; calls: number[][] })
    const orNull = (n: number) => (n < 0 ? null : n)
    return {
        count,
        calls: calls.map(([fiber, oldForMs, host, sequence, functionIndex]) => ({
            fiber,
            oldForMs,
            host: orNull(host),
            sequence: orNull(sequence),
            function: orNull(functionIndex),
        })),
    }
}

export function commandDocument(command: CommandRow): CommandDocument {
    return {
        id: command.id,
        cmd: command.kind,
        release: command.releaseId,
        base: command.baseId,
        state: command.cancelAtMs !== null && !isFinal(command.state) ? "cancelling" : command.state,
        attempt: command.attempt,
        rollout: command.rolloutId,
        queuedAt: iso(command.queuedAtMs),
        deliveredAt: iso(command.deliveredAtMs),
        deliveries: command.deliveries,
        acknowledgedAt: iso(command.ackedAtMs),
        finishedAt: iso(command.finishedAtMs),
        doneBytes: command.doneBytes,
        ofBytes: command.ofBytes,
        code: command.code,
        diagnostics: parseOrNull(command.diagnostics),
    }
}

export function statusDocument(status: StatusRow): StatusDocument {
    return {
        seq: Number(status.seq),
        command: status.commandId,
        at: iso(status.atMs),
        state: status.state,
        version: status.version,
        sequence: status.sequence === null ? null : Number(status.sequence),
        bank: status.bank,
        doneBytes: status.doneBytes,
        ofBytes: status.ofBytes,
        code: status.code,
        diagnostics: parseOrNull(status.diagnostics),
    }
}

const parseOrNull = (text: string | null): DiagnosticsDocument | null => (text === null ? null : JSON.parse(text))
