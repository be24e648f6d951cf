import * as ds from "@devicescript/core"
import { readValue, writeValue } from "../bootloader/store"
import { bootRecord, running, runningSequence, runningVersion, slotName } from "../bootloader/boot"
import { baseId, Fault } from "../hotswap"
import { postStatus } from "./device-api"
import { freshAt, revokedName } from "./trust"
import { Do, phaseNames, UpdaterState } from "./updater-state"

/* What the server is told: the actual state with every poll, a status at every step. */

const QUEUE_MAX = 6
const DIAG_MAX_BYTES = 200
const DIAG_MS = 1000

/** Tells this start of the VM from every other one, without a write. */
const bootNonce = Math.randomInt(0x3fffffff)

let queue: any[] = []
let diagnostics: any

export function actualState(state: UpdaterState, channel: string) {
    const actual: any = {
        v: runningVersion(),
        seq: runningSequence(),
        base: baseId(),
        bank: slotName(running.slot),
        state: phaseNames[state.phase],
        boot: bootNonce,
        ch: channel,
        up: ds.millis(),
    }
    // statements are taken only when nothing else is under way
    if (state.next === Do.Poll) {
        actual.fr = freshAt()
        actual.rv = revokedName()
    }
    return actual
}

/** Queues a status; it goes out when the socket has nothing more urgent to do. */
export function report(state: UpdaterState) {
    const job = state.job
    const status: any = {
        id: job ? job.id : "",
        state: phaseNames[state.phase],
        v: runningVersion(),
        seq: runningSequence(),
        bank: slotName(running.slot),
        done: state.doneBytes,
        of: job ? job.imageSizeBytes : 0,
    }
    if (state.code) status.code = state.code
    if (diagnostics) {
        status.diag = diagnostics
        diagnostics = undefined
    }
    if (queue.length >= QUEUE_MAX) queue.shift()
    queue.push(status)
}

export function reportsWaiting() {
    return queue.length > 0
}

/** Throws when the server cannot be reached; what was not sent stays queued. */
export async function sendReports() {
    while (queue.length) {
        await postStatus(queue[0])
        queue.shift()
    }
}

/**
 * Keeps what is known about a failure for the next status, and over a power cut.
 * `digest8` names the image; the cloud has its source map.
 */
export async function keepDiagnostics(kind: string, code: string, digest8: string, fault: Fault) {
    const d: any = { kind, code, img: digest8, up: ds.millis() }
    if (fault) {
        d.msg = fault.message.slice(0, 48)
        d.fn = fault.functionIndex
        d.pc = fault.pc
        d.up = fault.uptimeMs
    }
    const bytes = Buffer.from(JSON.stringify(d))
    if (bytes.length <= DIAG_MAX_BYTES) await writeValue("hDiag", bytes, ds.millis() + DIAG_MS)
    if (fault) d.native = fault.native
    diagnostics = d
}
