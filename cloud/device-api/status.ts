/**
 * `POST /v1/dfu/{device}/status`: a step of an update. It is committed before the 200,
 * so the device may forget it. Sent twice, it counts once.
 */
import type { FastifyReply, FastifyRequest } from "fastify"
import { transition } from "../controller/lifecycle.ts"
import type { Actual, DeviceState } from "../device-state.ts"
import { isFinal } from "../device-state.ts"
import type { CommandRow, StatusRow } from "../store/schema.ts"
import type { Repos, Store } from "../store/store.ts"
import type { Tenure } from "../tenure.ts"
import { toRow } from "./actual-writer.ts"
import type { StatusBody } from "./schemas.ts"
import type { Session } from "./sessions.ts"

export interface StatusDependencies {
    readonly store: Store
    readonly tenure: Tenure
    readonly commandTimeoutMs: number
    readonly retryDelayMs: number
    readonly now: () => number
}

type Waits = Pick<StatusDependencies, "commandTimeoutMs" | "retryDelayMs">

const EMPTY = Buffer.from("{}")

export function statusHandler(dependencies: StatusDependencies) {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<Buffer> => {
        await recordStatus(dependencies, request.session, request.body as StatusBody)
        reply.type("application/json")
        return EMPTY
    }
}

/** Commits what a device says about its update; it may forget it when the promise resolves. */
export async function recordStatus({ store, tenure, now, ...waits }: StatusDependencies, session: Session, body: StatusBody): Promise<void> {
    const nowMs = now()
    const { deviceId, since } = session
    const after = await store.write(async repos => {
        await tenure.mustHold(repos, deviceId, since)
        const own = await commandOf(repos, session, body)
        const actual = merge(session.actual, body, own)
        const changed: Session = { ...session, actual, reportedAtMs: nowMs, changedAtMs: nowMs }
        if (actual !== null) await repos.devices.putActual([toRow(changed)])
        const row = toStatus(session.deviceId, own?.id ?? (body.id || null), body, nowMs)
        const last = await repos.devices.lastStatus(session.deviceId)
        if (last === undefined || !sameStatus(last, row)) {
            await repos.devices.appendStatus(row)
            repos.events.note("device.status", session.deviceId, nowMs, {
                command: row.commandId,
                state: row.state,
                version: row.version,
                sequence: row.sequence,
                bank: row.bank,
                done: row.doneBytes,
                of: row.ofBytes,
                code: row.code,
                diagnostics: body.diag ?? null,
            })
        }
        if (own !== undefined) await advance(repos, own, body, nowMs, waits)
        if (own?.kind !== "check") await answerCheck(repos, session, body, nowMs, waits)
        return changed
    })
    session.actual = after.actual
    session.reportedAtMs = after.reportedAtMs
    session.changedAtMs = after.changedAtMs
}

/** A board answers a check with its state, under the id of whatever it did last. */
async function answerCheck(
    repos: Repos,
    session: Session,
    body: StatusBody,
    nowMs: number,
    waits: Waits,
): Promise<void> {
    const { offer } = session
    if (offer === null || offer.deliveries === 0 || offer.version !== null) return
    const command = await repos.commands.get(offer.commandId)
    if (command?.kind === "check") await advance(repos, command, body, nowMs, waits)
}

/**
 * The command that a status speaks of. A board forgets the id when it reboots: an end
 * that it reports without one is that of the command it had acknowledged, and a
 * rollback without one can only be of what it last confirmed.
 * A command of another device, or one that a restored database has lost, is history only.
 */
async function commandOf(repos: Repos, session: Session, body: StatusBody): Promise<CommandRow | undefined> {
    if (body.id) {
        const named = await repos.commands.get(body.id)
        return named?.deviceId === session.deviceId ? named : undefined
    }
    const last = await repos.commands.last(session.deviceId)
    if (last === undefined) return undefined
    if (last.kind === "check") return undefined
    if (isFinal(last.state))
        return last.state === "succeeded" && body.state === "rolledBack" ? last : undefined
    const ended = body.state === "rolledBack" || body.state === "failed" || body.state === "confirmed"
    return ended && last.ackedAtMs !== null ? last : undefined
}

async function advance(
    repos: Repos,
    command: CommandRow,
    body: StatusBody,
    nowMs: number,
    waits: Waits,
): Promise<void> {
    const cancelling = command.cancelAtMs !== null
    const next = transition({ kind: command.kind, state: command.state, cancelling }, body.state as DeviceState)
    const open = !isFinal(command.state)
    const ended = next.finished && next.state !== command.state
    await repos.commands.patch(command.id, {
        state: next.state,
        ackedAtMs: command.ackedAtMs ?? nowMs,
        deliveredAtMs: command.deliveredAtMs ?? nowMs,
        ...(body.done === undefined ? {} : { doneBytes: body.done }),
        ...(body.of === undefined ? {} : { ofBytes: body.of }),
        ...(ended
            ? { finishedAtMs: nowMs, deadlineAtMs: null, code: body.code ?? null }
            : open && !cancelling
              ? { deadlineAtMs: nowMs + waits.commandTimeoutMs }
              : {}),
        ...(body.diag === undefined ? {} : { diagnostics: JSON.stringify(body.diag) }),
    })
    // The base is never barred; a board whose store was silent may do better later.
    if (next.blocks && command.kind === "revert" && ended) await repos.desired.setRetry(command.deviceId, nowMs + waits.retryDelayMs)
    if (next.blocks && command.kind === "update" && ended && command.releaseId !== null) {
        await repos.desired.block({
            deviceId: command.deviceId,
            releaseId: command.releaseId,
            reason: next.state,
            commandId: command.id,
            atMs: nowMs,
        })
        repos.events.note("device.blocked", command.deviceId, nowMs, {
            release: command.releaseId,
            reason: next.state,
        })
    }
    if (ended)
        repos.events.note("command.finished", command.deviceId, nowMs, {
            command: command.id,
            release: command.releaseId,
            state: next.state,
            code: body.code ?? null,
        })
    else if (open && (next.state !== command.state || command.ackedAtMs === null))
        repos.events.note("command.changed", command.deviceId, nowMs, { command: command.id, state: next.state })
}

/** A status may come before the first poll; what it leaves out then stays unknown. */
function merge(before: Actual | null, body: StatusBody, command: CommandRow | undefined): Actual | null {
    const version = body.v ?? before?.version
    const sequence = body.seq ?? before?.sequence
    const baseId = body.base ?? before?.baseId ?? command?.baseId
    const bank = body.bank ?? before?.bank
    if (version === undefined || sequence === undefined || baseId == null || bank === undefined) return before
    return {
        version,
        sequence,
        baseId,
        bank,
        state: body.state,
        bootCount: before?.bootCount ?? null,
        channel: before?.channel ?? null,
        uptimeMs: before?.uptimeMs ?? null,
        ledger: before?.ledger ?? null,
    }
}

function toStatus(
    deviceId: string,
    commandId: string | null,
    body: StatusBody,
    atMs: number,
): Omit<StatusRow, "seq"> {
    return {
        deviceId,
        commandId,
        atMs,
        state: body.state,
        version: body.v ?? null,
        sequence: body.seq ?? null,
        bank: body.bank ?? null,
        doneBytes: body.done ?? null,
        ofBytes: body.of ?? null,
        code: body.code ?? null,
        diagnostics: body.diag === undefined ? null : JSON.stringify(body.diag),
    }
}

function sameStatus(a: StatusRow, b: Omit<StatusRow, "seq">): boolean {
    return (
        a.commandId === b.commandId &&
        a.state === b.state &&
        a.version === b.version &&
        a.doneBytes === b.doneBytes &&
        a.code === b.code &&
        a.diagnostics === b.diagnostics
    )
}
