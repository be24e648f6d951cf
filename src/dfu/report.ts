import * as ds from "@devicescript/core"
import { heapUsed } from "../bootloader/heap"
import { lastLines } from "../bootloader/log"
import { readValue, VALUE_MAX_BYTES, writeValue } from "../bootloader/store"
import { running, runningSequence, runningVersion, slotName } from "../bootloader/boot"
import { bootRecord } from "../bootloader/record-keeper"
import { baseId, Fault, oldCalls } from "../hotswap"
import { postStatus } from "./device-api"
import { freshAt, revokedName } from "./trust"
import { randomBytes } from "./chance"
import { Do, phaseNames, UpdaterState } from "./updater-state"

/* What the server is told: the actual state with every poll, a status at every step. */

const QUEUE_MAX = 6
/** What is kept over a power cut: as much as one value of the store holds. */
const DIAG_MAX_BYTES = VALUE_MAX_BYTES
const MESSAGE_BYTES = 48
const DIAG_MS = 1000
const DIAG_KEY = "hDiag"

/** Tells this start of the VM from every other one, without a write. */
const bootNonce = randomBytes(4).getAt(0, "u32") & 0x3fffffff

let queue: any[] = []
let diagnostics: any

/** Calls of the update ledger in one report: what it may take of a request. */
const OLD_CALLS_MAX = 8

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
    const old = oldCalls()
    if (old.length) {
        actual.nOld = old.length
        actual.old = old.slice(0, OLD_CALLS_MAX)
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
        base: baseId(),
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

/** A server that says no to this very status would say it again: it must not hold up the others. */
function isRefused(code: string) {
    if (code === "HOV_HTTP_401" || code === "HOV_HTTP_408" || code === "HOV_HTTP_429") return false
    return code.startsWith("HOV_HTTP_4")
}

/** Throws when the server cannot be reached; what was not sent stays queued. */
export async function sendReports() {
    while (queue.length) {
        try {
            await postStatus(queue[0])
        } catch (e) {
            if (!isRefused((e as Error).message)) throw e
        }
        queue.shift()
    }
}

/**
 * Keeps what is known about a failure for the next status, and over a power cut.
 * `digest8` names the image; the cloud has its source map.
 */
export async function keepDiagnostics(kind: string, code: string, digest8: string, fault: Fault) {
    const record = bootRecord()
    const d: any = {
        kind,
        code,
        img: digest8,
        up: ds.millis(),
        v: runningVersion(),
        bank: slotName(running.slot),
        n: [record.panics, record.rollbacks],
        heap: heapUsed(),
    }
    if (fault) {
        d.fn = fault.functionIndex
        d.pc = fault.pc
        d.up = fault.uptimeMs
        d.msg = ""
        d.msg = fault.message.slice(0, Math.min(roomIn(d), MESSAGE_BYTES))
    }
    // what is left of the value's size is for the end of the log
    const lines = lastLines()
    d.last = ""
    d.last = (lines.pop() || "").slice(0, roomIn(d))
    const bytes = Buffer.from(JSON.stringify(d))
    if (bytes.length <= DIAG_MAX_BYTES) await writeValue(DIAG_KEY, bytes, ds.millis() + DIAG_MS)
    if (fault) d.native = fault.native
    d.last = undefined
    d.log = lastLines()
    diagnostics = d
}

function roomIn(d: any) {
    return Math.max(0, DIAG_MAX_BYTES - JSON.stringify(d).length)
}

/** JSON; empty when nothing has failed yet, or the store is silent. */
export async function storedDiagnostics() {
    return ((await readValue(DIAG_KEY, ds.millis() + DIAG_MS)) || Buffer.alloc(0)).toString()
}

/** What was kept about the last failure, when it was the image `digest8`: its report may have been lost with power. */
export async function recallDiagnostics(digest8: string) {
    const text = await storedDiagnostics()
    if (!text) return
    const d: any = JSON.parse(text)
    if (d.img === digest8) diagnostics = d
}
