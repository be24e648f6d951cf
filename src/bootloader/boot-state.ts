/**
 * The rules of the bootloader, without a board: `(record, event) -> (record, effects)`.
 *
 * Invariants, checked from outside by tests and by the simulator's power cuts:
 *
 * 1. R (the base's native code) is always a choice: nothing here can refuse it.
 * 2. A bank runs only when it is Trial or Confirmed and made for this base.
 * 3. A Trial bank runs only after its attempt has been counted in the record.
 * 4. Bad is for ever, until the bank is written again.
 * 5. A Confirmed bank that starts after power-on changes nothing: `write` is false.
 * 6. `minSequence` falls only with `allowOlder`, which a signed manifest alone gives.
 * 7. An image runs from RAM only after `tryDigest` names it in the record, so that a
 *    crash that nothing can catch is put to the account of the right image.
 * 8. The bank that is written to is never the active one.
 *
 * No imports: the same file runs on the board and under Node.
 */

/** Where the running code comes from. */
export enum Slot {
    R = 0,
    A = 1,
    B = 2,
}

export enum BankStatus {
    Empty = 0,
    Trial = 1,
    Confirmed = 2,
    Bad = 3,
}

export interface ImageId {
    sequence: number
    sizeBytes: number
    /** First 16 bytes of the image's SHA-256, as 32 hex digits. */
    digest: string
    version: string
}

export interface Bank {
    status: BankStatus
    /** Starts on trial so far. */
    attempts: number
    image: ImageId
}

export interface BootRecord {
    /** Counts the writes of the record; the higher of two copies is the valid one. */
    generation: number
    baseId: string
    active: Slot
    a: Bank
    b: Bank
    /** Anti-rollback: an image with a lower sequence is refused. */
    minSequence: number
    /** An image runs from RAM, not yet confirmed. */
    trying: boolean
    /** The image that ran from RAM last: 16 hex digits, "" = none. */
    tryDigest: string
    tryAttempts: number
    /** The image that failed from RAM last: 16 hex digits, "" = none. */
    badDigest: string
    /** Restarts by a panic since the active bank was last found healthy. */
    panics: number
    rollbacks: number
}

export enum Boot {
    /** The VM has started: which slot is to run? */
    Start,
    /** The slot that Start chose cannot be loaded: which next? */
    LoadFailed,
    /** What runs has proved itself. */
    Healthy,
    /** An image is about to run from RAM. */
    Try,
    /** What runs from RAM, or else the active bank, has thrown or was rejected. */
    Fault,
    /** An image is whole in the bank `slot` and confirmed (`attempts` 0) or waits for its trial. */
    Stored,
    /** The store did not take the image; it stays in RAM. */
    StoreFailed,
    /** The base's own code is to run from now on, or the confirmed bank `slot`. What the banks hold stays. */
    Revert,
    /** The bank `slot`, which does not run, is to be empty. */
    Erase,
    /** What Try named did not begin to run, and may another time. */
    Withdraw,
}

export interface BootEvent {
    kind: Boot
    baseId?: string
    /** Start: the VM was restarted by a panic. */
    panicked?: boolean
    /** Start: panics in a row after which a confirmed bank is given up; MAX_ATTEMPTS when missing. */
    maxPanics?: number
    image?: ImageId
    allowOlder?: boolean
    slot?: Slot
    /** Stored: the bank has to pass a trial first. */
    onTrial?: boolean
}

export interface BootStep {
    record: BootRecord
    /** The record has to be in flash before anything else happens. */
    write: boolean
    /** Start, LoadFailed: the slot to run. */
    run: Slot
    /** Why something was given up or refused. */
    code: string
}

/** Starts of a bank that end in a panic, before it is given up. */
export const MAX_ATTEMPTS = 3

export function emptyRecord(baseId: string, minSequence: number): BootRecord {
    return {
        generation: 0,
        baseId,
        active: Slot.R,
        a: emptyBank(),
        b: emptyBank(),
        minSequence,
        trying: false,
        tryDigest: "",
        tryAttempts: 0,
        badDigest: "",
        panics: 0,
        rollbacks: 0,
    }
}

function emptyBank(): Bank {
    return {
        status: BankStatus.Empty,
        attempts: 0,
        image: { sequence: 0, sizeBytes: 0, digest: "", version: "" },
    }
}

export function bankOf(record: BootRecord, slot: Slot): Bank {
    return slot === Slot.A ? record.a : record.b
}

/** The bank that may be written: never the one that runs. */
export function inactiveSlot(record: BootRecord): Slot {
    return record.active === Slot.A ? Slot.B : Slot.A
}

/** What a RAM trial is called in the record: the first 16 digits of the digest. */
export function tryName(image: ImageId) {
    return image.digest.slice(0, 16)
}

export function bootStep(before: BootRecord, event: BootEvent): BootStep {
    const step: BootStep = {
        record: {
            ...before,
            a: { ...before.a },
            b: { ...before.b },
        },
        write: false,
        run: before.active,
        code: "",
    }
    const record = step.record

    switch (event.kind) {
        case Boot.Start:
            if (record.baseId !== event.baseId) {
                // a new base was deployed: its banks are empty, its history goes on
                step.record = emptyRecord(event.baseId as string, record.minSequence)
                step.record.generation = record.generation
                step.run = Slot.R
                break
            }
            if (record.trying) endTry(step, !!event.panicked, "HOV_TRIAL_PANIC")
            else if (event.panicked && record.active !== Slot.R) {
                record.panics++
                step.write = true
                if (record.panics >= (event.maxPanics || MAX_ATTEMPTS)) giveUp(step, "HOV_BOOT_PANIC")
            }
            choose(step)
            break

        case Boot.LoadFailed:
            if (record.active !== Slot.R) giveUp(step, "HOV_BANK_LOAD")
            choose(step)
            break

        case Boot.Healthy:
            if (record.active !== Slot.R) {
                const bank = bankOf(record, record.active)
                if (bank.status === BankStatus.Trial) {
                    bank.status = BankStatus.Confirmed
                    bank.attempts = 0
                    raiseSequence(record, bank.image, false)
                    step.write = true
                }
            }
            if (record.panics) {
                record.panics = 0
                step.write = true
            }
            break

        case Boot.Try: {
            const image = event.image as ImageId
            const name = tryName(image)
            step.code = refusal(record, image, name, !!event.allowOlder)
            if (step.code) break
            record.tryAttempts = record.tryDigest === name ? record.tryAttempts + 1 : 1
            record.tryDigest = name
            record.trying = true
            step.write = true
            break
        }

        case Boot.Fault:
            if (record.trying) endTry(step, true, "HOV_TRIAL_FAULT")
            else if (record.active !== Slot.R) giveUp(step, "HOV_BANK_FAULT")
            choose(step)
            break

        case Boot.Stored: {
            const bank = bankOf(record, event.slot as Slot)
            bank.image = event.image as ImageId
            bank.attempts = 0
            bank.status = event.onTrial ? BankStatus.Trial : BankStatus.Confirmed
            record.active = event.slot as Slot
            record.trying = false
            record.tryDigest = ""
            record.tryAttempts = 0
            record.badDigest = ""
            record.panics = 0
            if (!event.onTrial) raiseSequence(record, bank.image, !!event.allowOlder)
            step.write = true
            step.run = record.active
            break
        }

        case Boot.StoreFailed:
            record.trying = false
            step.write = true
            step.code = "HOV_STORE"
            break

        case Boot.Revert: {
            const to = event.slot || Slot.R
            if (to !== Slot.R && bankOf(record, to).status !== BankStatus.Confirmed) {
                step.code = "HOV_BANK_NONE"
                break
            }
            step.write = record.active !== to || record.trying || record.panics > 0
            record.active = to
            record.trying = false
            record.panics = 0
            step.run = to
            break
        }

        case Boot.Withdraw:
            record.trying = false
            record.tryAttempts = Math.max(0, record.tryAttempts - 1)
            step.write = true
            break

        case Boot.Erase: {
            const slot = event.slot as Slot
            if ((slot !== Slot.A && slot !== Slot.B) || slot === record.active) {
                step.code = "HOV_BANK_IN_USE"
                break
            }
            step.write = bankOf(record, slot).status !== BankStatus.Empty
            if (slot === Slot.A) record.a = emptyBank()
            else record.b = emptyBank()
            break
        }
    }
    return step
}

function refusal(record: BootRecord, image: ImageId, name: string, allowOlder: boolean) {
    if (image.sequence < record.minSequence && !allowOlder) return "HOV_SEQUENCE_OLD"
    if (name === record.badDigest) return "HOV_IMAGE_BAD"
    if (name === record.tryDigest && record.tryAttempts >= MAX_ATTEMPTS)
        return "HOV_IMAGE_ATTEMPTS"
    return ""
}

/** Ends a trial from RAM; after a power cut (not `failed`) the image may try again. */
function endTry(step: BootStep, failed: boolean, code: string) {
    const record = step.record
    record.trying = false
    step.write = true
    if (!failed) return
    record.badDigest = record.tryDigest
    record.tryDigest = ""
    record.tryAttempts = 0
    record.rollbacks++
    step.code = code
}

/** The active bank is bad from now on; the other one takes over if it is confirmed, else R. */
function giveUp(step: BootStep, code: string) {
    const record = step.record
    bankOf(record, record.active).status = BankStatus.Bad
    const other = inactiveSlot(record)
    record.active =
        bankOf(record, other).status === BankStatus.Confirmed ? other : Slot.R
    record.panics = 0
    record.rollbacks++
    step.write = true
    step.code = code
}

/** Sets `run`; counts the attempt of a bank on trial before it runs. */
function choose(step: BootStep) {
    const record = step.record
    while (record.active !== Slot.R) {
        const bank = bankOf(record, record.active)
        if (bank.status === BankStatus.Confirmed) break
        if (bank.status === BankStatus.Trial && bank.attempts < MAX_ATTEMPTS) {
            bank.attempts++
            step.write = true
            break
        }
        giveUp(step, "HOV_TRIAL_ATTEMPTS")
    }
    step.run = record.active
}

function raiseSequence(record: BootRecord, image: ImageId, allowOlder: boolean) {
    if (image.sequence > record.minSequence || allowOlder)
        record.minSequence = image.sequence
}
