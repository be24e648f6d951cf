import fc from "fast-check"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import {
    BankStatus,
    type BootEvent,
    type BootRecord,
    Boot,
    bankOf,
    bootStep,
    emptyRecord,
    type ImageId,
    inactiveSlot,
    MAX_ATTEMPTS,
    Slot,
    tryName,
} from "../src/bootloader/boot-state.ts"

const test = suite("the rules of the bootloader")

const BASE = "00c0ffee00c0ffee"

function image(sequence: number): ImageId {
    return { sequence, sizeBytes: 100, digest: sequence.toString(16).padStart(32, "a"), version: `1.${sequence}.0` }
}

/** A board with image 1 in A and image 2, which runs, in B. */
function twoBanks(): BootRecord {
    const first = bootStep(emptyRecord(BASE, 0), { kind: Boot.Stored, slot: Slot.A, image: image(1) })
    return bootStep(first.record, { kind: Boot.Stored, slot: Slot.B, image: image(2) }).record
}

const powerOn: BootEvent = { kind: Boot.Start, baseId: BASE, panicked: false }
const afterPanic: BootEvent = { kind: Boot.Start, baseId: BASE, panicked: true }

test("an empty board runs R and writes nothing", () => {
    const step = bootStep(emptyRecord(BASE, 0), powerOn)
    assert.is(step.run, Slot.R)
    assert.is(step.write, false)
})

test("a confirmed bank starts without a write", () => {
    const step = bootStep(twoBanks(), powerOn)
    assert.is(step.run, Slot.B)
    assert.is(step.write, false)
})

test("a confirmed bank that panics again and again gives way to the other, and that one to R", () => {
    let record = twoBanks()
    const ran: Slot[] = []
    for (let i = 0; i < 2 * MAX_ATTEMPTS; i++) {
        const step = bootStep(record, afterPanic)
        record = step.record
        ran.push(step.run)
    }
    assert.equal(ran, [Slot.B, Slot.B, Slot.A, Slot.A, Slot.A, Slot.R])
    assert.is(record.a.status, BankStatus.Bad)
    assert.is(record.b.status, BankStatus.Bad)
})

test("health forgets the panics before", () => {
    const once = bootStep(twoBanks(), afterPanic).record
    const healthy = bootStep(once, { kind: Boot.Healthy })
    assert.is(healthy.record.panics, 0)
    assert.is(healthy.write, true)
    assert.is(bootStep(healthy.record, { kind: Boot.Healthy }).write, false)
})

test("a power cut during a trial from RAM is not held against the image, a panic is", () => {
    const trying = bootStep(twoBanks(), { kind: Boot.Try, image: image(3) })
    assert.is(trying.code, "")
    assert.is(trying.write, true)
    const cut = bootStep(trying.record, powerOn)
    assert.is(cut.run, Slot.B)
    assert.is(bootStep(cut.record, { kind: Boot.Try, image: image(3) }).code, "")

    const panicked = bootStep(trying.record, afterPanic)
    assert.is(panicked.run, Slot.B)
    assert.is(panicked.code, "HOV_TRIAL_PANIC")
    assert.is(panicked.record.panics, 0, "the bank below is not to blame")
    assert.is(bootStep(panicked.record, { kind: Boot.Try, image: image(3) }).code, "HOV_IMAGE_BAD")
})

test("an image whose trial is cut short too often is refused", () => {
    let record = twoBanks()
    for (let i = 0; i < MAX_ATTEMPTS; i++) {
        const step = bootStep(record, { kind: Boot.Try, image: image(3) })
        assert.is(step.code, "")
        record = bootStep(step.record, powerOn).record
    }
    assert.is(bootStep(record, { kind: Boot.Try, image: image(3) }).code, "HOV_IMAGE_ATTEMPTS")
})

test("a bank on trial is counted before it runs", () => {
    const stored = bootStep(twoBanks(), { kind: Boot.Stored, slot: Slot.A, image: image(3), onTrial: true }).record
    const ran: Slot[] = []
    let record = stored
    for (let i = 0; i < MAX_ATTEMPTS + 1; i++) {
        const step = bootStep(record, powerOn)
        record = step.record
        if (step.run === Slot.A) assert.is(step.write, true)
        ran.push(step.run)
    }
    assert.equal(ran, [Slot.A, Slot.A, Slot.A, Slot.B])
    assert.is(record.minSequence, 2, "what was never confirmed does not move the sequence")
})

test("a new base starts with empty banks and keeps the sequence", () => {
    const step = bootStep(twoBanks(), { kind: Boot.Start, baseId: "1111111111111111", panicked: true })
    assert.is(step.run, Slot.R)
    assert.is(step.write, false)
    assert.is(step.record.minSequence, 2)
    assert.is(bootStep(step.record, { kind: Boot.Try, image: image(1) }).code, "HOV_SEQUENCE_OLD")
})

/** What the rules promise, said once more without them. */
function check(before: BootRecord, event: BootEvent, after: ReturnType<typeof bootStep>) {
    const { record, run, write, code } = after
    const ran = event.kind === Boot.Start || event.kind === Boot.LoadFailed || event.kind === Boot.Fault
    if (ran && run !== Slot.R) {
        const bank = bankOf(record, run)
        assert.ok(bank.status === BankStatus.Trial || bank.status === BankStatus.Confirmed, "only such banks run")
        if (bank.status === BankStatus.Trial) {
            assert.ok(write, "a trial is counted")
            assert.ok(bank.attempts >= 1 && bank.attempts <= MAX_ATTEMPTS)
        }
        assert.is(record.baseId, before.baseId)
    }
    for (const slot of [Slot.A, Slot.B]) {
        const [was, is] = [bankOf(before, slot), bankOf(record, slot)]
        if (was.status === BankStatus.Bad && event.kind !== Boot.Stored && event.kind !== Boot.Erase && record.baseId === before.baseId)
            assert.is(is.status, BankStatus.Bad, "bad stays bad")
    }
    if (record.minSequence < before.minSequence) assert.ok(event.allowOlder && event.kind === Boot.Stored, "the sequence falls by permission")
    if (event.kind === Boot.Try && code === "") {
        assert.is(record.tryDigest, tryName(event.image as ImageId))
        assert.ok(write && record.trying)
    }
    if (event.kind === Boot.Start && !event.panicked && !before.trying && before.baseId === event.baseId) {
        const active = before.active
        if (active === Slot.R || bankOf(before, active).status === BankStatus.Confirmed) assert.not(write, "a quiet start writes nothing")
    }
    if (!write && record.baseId === before.baseId) assert.equal(record, before, "what changed is written")
    if (event.kind === Boot.Erase) assert.is(record.active, before.active, "what runs is not erased")
    if (event.kind === Boot.Revert && record.active !== Slot.R && code === "") assert.is(bankOf(record, record.active).status, BankStatus.Confirmed)
    if (record.active !== Slot.R) assert.is.not(inactiveSlot(record), record.active)
}

test("panics in a row up to the maximum that is set", () => {
    let record = twoBanks()
    for (let i = 1; i <= 5; i++) {
        const step = bootStep(record, { ...afterPanic, maxPanics: 5 })
        record = step.record
        assert.is(step.run, i < 5 ? Slot.B : Slot.A)
    }
})

test("an order back goes to the confirmed bank before, and to R where there is none; what runs is not erased", () => {
    const before = twoBanks()
    assert.is(bootStep(before, { kind: Boot.Erase, slot: Slot.B }).code, "HOV_BANK_IN_USE")
    const back = bootStep(before, { kind: Boot.Revert, slot: Slot.A })
    assert.equal([back.code, back.run, back.write, back.record.minSequence], ["", Slot.A, true, 2])
    const erased = bootStep(before, { kind: Boot.Erase, slot: Slot.A })
    assert.equal([erased.code, erased.write, erased.record.a.status], ["", true, BankStatus.Empty])
    assert.is(bootStep(erased.record, { kind: Boot.Erase, slot: Slot.A }).write, false)
    assert.is(bootStep(erased.record, { kind: Boot.Revert, slot: Slot.A }).code, "HOV_BANK_NONE")
    assert.is(bootStep(erased.record, { kind: Boot.Revert, slot: Slot.R }).run, Slot.R)
})

test("any history of events keeps the promises", () => {
    const anyImage = fc.integer({ min: 1, max: 6 }).map(image)
    const step = fc.oneof(
        fc.record({ kind: fc.constant(Boot.Start), baseId: fc.constantFrom(BASE, BASE, BASE, "2222222222222222"), panicked: fc.boolean() }),
        fc.record({ kind: fc.constantFrom(Boot.Revert, Boot.Erase), slot: fc.constantFrom(Slot.R, Slot.A, Slot.B) }),
        fc.record({ kind: fc.constantFrom(Boot.LoadFailed, Boot.Healthy, Boot.Fault, Boot.StoreFailed) }),
        fc.record({ kind: fc.constant(Boot.Try), image: anyImage, allowOlder: fc.boolean() }),
        fc.record({ kind: fc.constant(Boot.Stored), image: anyImage, allowOlder: fc.boolean(), onTrial: fc.boolean() }),
    )
    fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), events => {
            let record = emptyRecord(BASE, 0)
            for (const some of events) {
                const event: BootEvent = some.kind === Boot.Stored ? { ...some, slot: inactiveSlot(record) } : some
                const after = bootStep(record, event)
                check(record, event, after)
                record = after.record
            }
        }),
        { numRuns: 2000 },
    )
})

test.run()
