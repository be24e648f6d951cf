import * as ds from "@devicescript/core"
import { activate, baseId, baseVersion, deactivate, LoadedImage, loadImage } from "../hotswap"
import { tellActivated } from "./activation"
import { readBank, writeBank } from "./banks"
import { decodeRecord, encodeRecord } from "./boot-record"
import {
    bankOf,
    Boot,
    BootEvent,
    BootRecord,
    bootStep,
    emptyRecord,
    ImageId,
    inactiveSlot,
    Slot,
} from "./boot-state"
import { hov } from "./log"
import { markRestarts, wasRestarted } from "./restart-mark"
import { readValue, storeReady, writeValue } from "./store"

/*
 * The bootloader at work: it asks `boot-state.ts` what to do, and does it.
 *
 * The last line of this module boots. Because the module of the resident is the first
 * import of a program, that happens before the top-level code of the app.
 */

/** The app runs at the latest this long after the start, whatever the store does. */
const BOOT_MS = 1700
/** A VM start later than this after reset is a restart: a panic waits 5 s. */
const POWER_ON_MS = 4500
const WRITE_MS = 1000

export interface Running {
    slot: Slot
    /** Undefined: the base's own code. */
    image: ImageId | undefined
    /** Not in a bank yet. */
    fromRam: boolean
    /** Not found healthy yet. */
    onTrial: boolean
}

export const running: Running = {
    slot: Slot.R,
    image: undefined,
    fromRam: false,
    onTrial: false,
}

let record: BootRecord
/** False while the store has not told us what it holds: then nothing may be written. */
let recordRead = false
/** The bytes of what runs from RAM, until they are in a bank. */
let ramImage: Buffer
let loaded: LoadedImage
/** What ran before the image on trial; kept whole, so that the way back is one step. */
let loadedBefore: LoadedImage
let imageBefore: ImageId
/** Why the last thing was given up, and the digest of what it was. */
let givenUpCode = ""
let givenUpDigest = ""

export function bootRecord() {
    return record
}

export function runningVersion() {
    return running.image ? running.image.version : baseVersion()
}

export function runningSequence() {
    return running.image ? running.image.sequence : 0
}

export function slotName(slot: Slot) {
    return slot === Slot.A ? "A" : slot === Slot.B ? "B" : "R"
}

/** What was given up since the last call, as `CODE digest8`, or "". */
export function takeGivenUp() {
    const what = givenUpCode && `${givenUpCode} ${givenUpDigest.slice(0, 8)}`
    givenUpCode = ""
    return what
}

async function readRecord(deadlineMs: number) {
    const copy0 = await readValue("hRec0", deadlineMs)
    const copy1 = await readValue("hRec1", deadlineMs)
    if (!copy0 || !copy1) return
    recordRead = true
    const first = decodeRecord(copy0)
    const second = decodeRecord(copy1)
    if (!first && !second) return
    record = !first || (second && second.generation > first.generation) ? second : first
}

/** Takes an event through the rules; the record is in flash when this returns. */
async function apply(event: BootEvent) {
    const trying = record.trying
    const active = bankOf(record, record.active).image.digest
    const step = bootStep(record, event)
    record = step.record
    if (step.code) {
        hov("code", `code=${step.code}`)
        givenUpCode = step.code
        givenUpDigest = trying ? record.badDigest : active
    }
    if (step.write && !(await saveRecord())) step.code = "HOV_STORE"
    return step
}

async function saveRecord() {
    if (!recordRead) return false
    record.generation++
    const key = record.generation & 1 ? "hRec1" : "hRec0"
    return await writeValue(key, encodeRecord(record), ds.millis() + WRITE_MS)
}

/** Reads, checks and activates a bank. Undefined when the store is silent. */
async function runBank(slot: Slot, deadlineMs: number): Promise<boolean | undefined> {
    const image = bankOf(record, slot).image
    const bytes = await readBank(slot, image, deadlineMs)
    if (!bytes) return undefined
    if (!bytes.length) return false
    try {
        loaded = await loadImage(bytes)
        await activate(loaded, { trial: true, reason: "boot", version: image.version })
    } catch (e) {
        hov("code", `code=${(e as any).code} at=boot`)
        return false
    }
    tellActivated("boot", baseVersion(), image.version)
    setRunning(slot, image, false)
    return true
}

function setRunning(slot: Slot, image: ImageId | undefined, fromRam: boolean) {
    running.slot = slot
    running.image = image
    running.fromRam = fromRam
    running.onTrial = slot !== Slot.R || fromRam
}

/** Runs what the record says, down to R. */
async function runFrom(slot: Slot, deadlineMs: number) {
    while (slot !== Slot.R) {
        const done = await runBank(slot, deadlineMs)
        if (done) return
        // a silent store is no reason to call a bank bad
        if (done === undefined) break
        slot = (await apply({ kind: Boot.LoadFailed })).run
    }
    setRunning(Slot.R, undefined, false)
}

async function boot() {
    const startMs = ds.millis()
    const deadlineMs = startMs + BOOT_MS
    let cause = startMs > POWER_ON_MS ? "panic" : "power"
    record = emptyRecord(baseId(), 0)
    if (await storeReady(deadlineMs)) await readRecord(deadlineMs)
    if (recordRead) {
        if (cause === "panic" && (await wasRestarted(startMs, deadlineMs))) cause = "restart"
        const panicked = cause === "panic"
        const step = await apply({ kind: Boot.Start, baseId: baseId(), panicked })
        // an attempt that could not be counted is not made
        if (step.code !== "HOV_STORE") await runFrom(step.run, deadlineMs)
    }
    markRestarts(() => running.slot !== Slot.R || running.fromRam)
    const tookMs = ds.millis() - startMs
    hov("boot", `slot=${slotName(running.slot)} v=${runningVersion()} seq=${runningSequence()} cause=${cause} store=${recordRead} ms=${tookMs}`)
}

/**
 * Runs an image from RAM on trial. The record names it first, so that a crash that
 * nothing can catch is put to its account. Returns a refusal code, or "".
 */
export async function tryImage(bytes: Buffer, image: ImageId, allowOlder: boolean) {
    if (!recordRead) await readRecord(ds.millis() + WRITE_MS)
    if (!recordRead) return "HOV_STORE"
    let next: LoadedImage
    try {
        next = await loadImage(bytes)
    } catch (e) {
        return (e as any).code || "HOV_IMAGE_LOAD"
    }
    const step = await apply({ kind: Boot.Try, image, allowOlder })
    if (step.code) return step.code
    ramImage = bytes
    loadedBefore = loaded
    imageBefore = running.image
    loaded = next
    const from = runningVersion()
    setRunning(running.slot, image, true)
    await activate(next, { trial: true, reason: "hot", version: image.version })
    tellActivated("hot", from, image.version)
    hov("swap", `v=${image.version} seq=${image.sequence} bytes=${bytes.length}`)
    return ""
}

/** What runs has proved itself: the record says so, a RAM image goes into its bank. */
export async function keepRunning(mayWrite: () => boolean, allowOlder: boolean) {
    running.onTrial = false
    loadedBefore = undefined
    imageBefore = undefined
    if (!running.fromRam) {
        await apply({ kind: Boot.Healthy })
        return ""
    }
    const image = running.image
    const slot = inactiveSlot(record)
    const startMs = ds.millis()
    const stored = await writeBank(slot, ramImage, mayWrite)
    const kind = stored ? Boot.Stored : Boot.StoreFailed
    const step = await apply({ kind, slot, image, allowOlder })
    ramImage = undefined
    if (!step.code) {
        running.slot = slot
        running.fromRam = false
        const tookMs = ds.millis() - startMs
        hov("persisted", `slot=${slotName(slot)} v=${image.version} seq=${image.sequence} ms=${tookMs}`)
    }
    return step.code
}

/**
 * The way back from an image on trial, in one step. The loader has put the base's code
 * back after a fault; what ran before may have been another image.
 */
export async function callBack() {
    const version = imageBefore ? imageBefore.version : baseVersion()
    loaded = loadedBefore
    loadedBefore = undefined
    if (loaded) await activate(loaded, { trial: false, reason: "hot", version })
    else deactivate()
    tellActivated("hot", runningVersion(), version)
}

/** Puts the end of a trial on record, after `callBack`. The diagnostics code. */
export async function goBack() {
    const wasRam = running.fromRam
    ramImage = undefined
    const step = await apply({ kind: Boot.Fault })
    if (wasRam) {
        setRunning(running.slot, imageBefore, false)
        running.onTrial = false
        imageBefore = undefined
    } else await runFrom(step.run, ds.millis() + BOOT_MS)
    const version = runningVersion()
    hov("rolledback", `slot=${slotName(running.slot)} v=${version} seq=${runningSequence()}`)
    return step.code
}

/** The way to the base's own code, on record before it happens. A refusal code, or "". */
export async function revertToBase() {
    const step = await apply({ kind: Boot.Revert })
    if (step.code) return step.code
    if (!running.image) return ""
    const from = runningVersion()
    ramImage = undefined
    loaded = undefined
    loadedBefore = undefined
    imageBefore = undefined
    setRunning(Slot.R, undefined, false)
    deactivate()
    tellActivated("hot", from, baseVersion())
    hov("reverted", `v=${baseVersion()}`)
    return ""
}

await boot()
