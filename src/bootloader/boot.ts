import * as ds from "@devicescript/core"
import { activate, baseId, baseVersion, deactivate, LoadedImage, loadImage, ready } from "../hotswap"
import { leaveBoot, tellActivated } from "./activation"
import { readBank, writeBank } from "./banks"
import { BankStatus, bankOf, Boot, BootEvent, ImageId, inactiveSlot, MAX_ATTEMPTS, Slot } from "./boot-state"
import { hov } from "./log"
import { apply, bootRecord, readRecord } from "./record-keeper"
import { markRestarts, wasRestarted } from "./restart-mark"
import { readValue, storeReady } from "./store"

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
const READ_MS = 1000

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

/** The bytes of what runs from RAM, until they are in a bank; undefined when they are there already. */
let ramImage: Buffer
let loaded: LoadedImage
/** What ran before the image on trial; kept whole, so that the way back is one step. */
let loadedBefore: LoadedImage
let imageBefore: ImageId
export function runningVersion() {
    return running.image ? running.image.version : baseVersion()
}

export function runningSequence() {
    return running.image ? running.image.sequence : 0
}

export function slotName(slot: Slot) {
    return slot === Slot.A ? "A" : slot === Slot.B ? "B" : "R"
}

/** The image of a bank, loaded. Undefined when the store is silent, null when there is nothing to run. */
async function loadBank(slot: Slot, deadlineMs: number): Promise<LoadedImage> {
    const bytes = await readBank(slot, bankOf(bootRecord(), slot).image, deadlineMs)
    if (!bytes) return undefined
    if (!bytes.length) return null
    try {
        return await loadImage(bytes)
    } catch (e) {
        return refused(e)
    }
}

function refused(e: any): LoadedImage {
    hov("code", `code=${e.code} at=boot`)
    return null
}

function setRunning(slot: Slot, image: ImageId | undefined, fromRam: boolean) {
    running.slot = slot
    running.image = image
    running.fromRam = fromRam
    running.onTrial = slot !== Slot.R || fromRam
}

/** Activates a bank. Undefined when the store is silent. */
async function runBank(slot: Slot, deadlineMs: number, isBoot: boolean): Promise<boolean | undefined> {
    const next = await loadBank(slot, deadlineMs)
    if (!next) return next === null ? false : undefined
    const image = bankOf(bootRecord(), slot).image
    if (!isBoot) leaveBoot()
    try {
        await activate(next, { trial: true, reason: isBoot ? "boot" : "rollback", version: image.version })
    } catch (e) {
        refused(e)
        return false
    }
    loaded = next
    tellActivated(isBoot ? "boot" : "rollback", baseVersion(), image.version)
    setRunning(slot, image, false)
    return true
}

/** Runs what the record says, down to R. */
async function runFrom(slot: Slot, deadlineMs: number, isBoot: boolean) {
    while (slot !== Slot.R) {
        const done = await runBank(slot, deadlineMs, isBoot)
        if (done) return
        // a silent store is no reason to call a bank bad
        if (done === undefined) break
        slot = (await apply({ kind: Boot.LoadFailed })).run
    }
    setRunning(Slot.R, undefined, false)
}

/** Panics in a row that give a confirmed bank up: the setting `hPanics`, which only a start after one reads. */
async function maxPanics(deadlineMs: number) {
    const value = await readValue("hPanics", deadlineMs)
    return value ? Math.constrain(+value.toString() || MAX_ATTEMPTS, 1, 200) : MAX_ATTEMPTS
}

async function boot() {
    const startMs = ds.millis()
    const deadlineMs = startMs + BOOT_MS
    let cause = startMs > POWER_ON_MS ? "panic" : "power"
    const isRead = (await storeReady(deadlineMs)) && (await readRecord(deadlineMs))
    if (isRead) {
        if (cause === "panic" && (await wasRestarted(startMs, deadlineMs))) cause = "restart"
        const panicked = cause === "panic"
        const event: BootEvent = { kind: Boot.Start, baseId: baseId(), panicked }
        if (panicked) event.maxPanics = await maxPanics(deadlineMs)
        const step = await apply(event)
        // an attempt that could not be counted is not made
        if (step.code !== "HOV_STORE") await runFrom(step.run, deadlineMs, true)
    }
    markRestarts(() => running.slot !== Slot.R || running.fromRam)
    const tookMs = ds.millis() - startMs
    hov("boot", `slot=${slotName(running.slot)} v=${runningVersion()} seq=${runningSequence()} cause=${cause} store=${isRead} ms=${tookMs}`)
}

/**
 * The bank that takes an image while it comes in; the record says before that it holds nothing
 * else any more. Undefined when the store does not say which bank that is.
 */
export async function bankToFill() {
    if (!(await readRecord(ds.millis() + READ_MS))) return undefined
    const slot = inactiveSlot(bootRecord())
    return (await eraseBank(slot)) ? undefined : slot
}

/**
 * Runs an image from RAM on trial; `inBank` when it is in the bank that does not run. The record
 * names it first, so that a crash that nothing can catch is put to its account. Returns a
 * refusal code, or "".
 */
export async function tryImage(bytes: Buffer, image: ImageId, allowOlder: boolean, inBank: boolean) {
    if (!(await readRecord(ds.millis() + READ_MS))) return "HOV_STORE"
    let next: LoadedImage
    try {
        next = await loadImage(bytes)
        await ready(next)
    } catch (e) {
        return (e as any).code || "HOV_IMAGE_LOAD"
    }
    const step = await apply({ kind: Boot.Try, image, allowOlder })
    if (step.code) return step.code
    ramImage = inBank ? undefined : bytes
    loadedBefore = loaded
    imageBefore = running.image
    loaded = next
    const from = runningVersion()
    leaveBoot()
    setRunning(running.slot, image, true)
    try {
        await activate(next, { trial: true, reason: "hot", version: image.version })
    } catch (e) {
        // what must not mix has begun again meanwhile
        loaded = loadedBefore
        loadedBefore = ramImage = undefined
        setRunning(running.slot, imageBefore, false)
        running.onTrial = false
        await apply({ kind: Boot.Withdraw })
        return (e as any).code || "HOV_IMAGE_LOAD"
    }
    tellActivated("hot", from, image.version)
    hov("swap", `v=${image.version} seq=${image.sequence} bytes=${bytes.length}`)
    return ""
}

/** What runs has proved itself: the record says so, a RAM image goes into its bank. To be called when flash may be written. */
export async function keepRunning(mayWrite: () => boolean, allowOlder: boolean) {
    running.onTrial = false
    loadedBefore = undefined
    imageBefore = undefined
    if (!running.fromRam) {
        await apply({ kind: Boot.Healthy })
        return ""
    }
    const image = running.image
    const slot = inactiveSlot(bootRecord())
    const startMs = ds.millis()
    const stored = !ramImage || (await writeBank(slot, image, ramImage, mayWrite))
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
    leaveBoot()
    if (loaded) await activate(loaded, { trial: false, reason: "rollback", version })
    else deactivate()
    tellActivated("rollback", runningVersion(), version)
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
    } else await runFrom(step.run, ds.millis() + BOOT_MS, false)
    const version = runningVersion()
    hov("rolledback", `slot=${slotName(running.slot)} v=${version} seq=${runningSequence()}`)
    return step.code
}

/** The way to the base's own code, on record before it happens. A refusal code, or "". */
export async function revertToBase() {
    return await turnTo(Slot.R, undefined)
}

/** The way to the bank that ran before, or else to the base's own code. A refusal code, or "". */
export async function rollBack() {
    const record = bootRecord()
    if (record.active === Slot.R) return "HOV_BANK_NONE"
    const slot = inactiveSlot(record)
    if (bankOf(record, slot).status !== BankStatus.Confirmed) return await revertToBase()
    const next = await loadBank(slot, ds.millis() + BOOT_MS)
    return next ? await turnTo(slot, next) : "HOV_BANK_LOAD"
}

async function turnTo(slot: Slot, next: LoadedImage | undefined) {
    const step = await apply({ kind: Boot.Revert, slot })
    if (step.code) return step.code
    if (!running.image) return ""
    const from = runningVersion()
    ramImage = undefined
    loaded = next
    loadedBefore = undefined
    imageBefore = undefined
    setRunning(slot, next ? bankOf(bootRecord(), slot).image : undefined, false)
    running.onTrial = false
    const to = runningVersion()
    leaveBoot()
    if (next) await activate(next, { trial: false, reason: "rollback", version: to })
    else deactivate()
    tellActivated("rollback", from, to)
    hov("reverted", `v=${to}`)
    return ""
}

/** Empties a bank that does not run. A refusal code, or "". */
export async function eraseBank(slot: Slot) {
    return (await apply({ kind: Boot.Erase, slot })).code
}

await boot()
