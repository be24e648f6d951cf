import * as ds from "@devicescript/core"
import { running } from "../bootloader/boot"
import { Slot } from "../bootloader/boot-state"
import { readValue, storeReady } from "../bootloader/store"

/*
 * Whether what runs is well: its time without a fault, the app's word where it wants a say, contact with the server where
 * there is one, and a VM whose main loop gets its turn.
 */

/** An app that wants to confirm has this long after the trial's time. */
const CONFIRM_MS = 60000
/** A trial without contact with the server ends this long after its time. */
const CONTACT_MS = 60000
/** How long a trial's last look waits for a packet of the own store. */
const ALIVE_MS = 2000
/** A confirmed image is looked at this often, and is hung when no packet comes for so long. */
const WATCHDOG_MS = 60000
const HANG_MS = 10000
/** What the VM ends with then; the start after it counts it as any other panic. */
const HANG_PANIC = 61616

let confirmRequired = false
let unconfirmed = false
let beganAtMs = 0
let endMs = 0
let lookedAtMs = 0

/** What runs from now on has so long to show a fault. */
export function beginHealth(trialMs: number) {
    beganAtMs = ds.millis()
    endMs = beganAtMs + trialMs
    unconfirmed = confirmRequired
}

/** From now on what runs is well only after the app has said so. */
export function wantConfirm() {
    if (!confirmRequired) unconfirmed = running.onTrial
    confirmRequired = true
}

export function noteConfirm() {
    unconfirmed = false
}

/** Of the time without a fault; below 0 when it is over. */
export function trialLeftMs() {
    return endMs - ds.millis()
}

export function isLate(code: string) {
    return trialLeftMs() < -(code === "HOV_TRIAL_CONTACT" ? CONTACT_MS : CONFIRM_MS)
}

/** What is missing for a good end: a code, or "" = it is well. */
export function missing(online: boolean, lastContactMs: number) {
    if (online && lastContactMs < beganAtMs) return "HOV_TRIAL_CONTACT"
    return unconfirmed ? "HOV_TRIAL_UNCONFIRMED" : ""
}

/** Code that never lets the VM's main loop have its turn keeps all packets from coming. */
export async function isAlive() {
    return (await readValue("hRec0", ds.millis() + ALIVE_MS)) !== undefined
}

/**
 * For an image that passed its trial and hangs later: a panic, which the next start counts. Not for R, which nothing
 * could take the place of, nor where the store is not there at all, which says nothing about the main loop.
 */
export async function watchMainLoop() {
    if (running.slot === Slot.R || ds.millis() - lookedAtMs < WATCHDOG_MS) return
    lookedAtMs = ds.millis()
    const giveUpMs = lookedAtMs + HANG_MS
    while (ds.millis() < giveUpMs) if ((await isAlive()) || !(await storeReady(0))) return
    ds._panic(HANG_PANIC)
}
