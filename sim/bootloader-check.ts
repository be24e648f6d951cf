import { createHash } from "node:crypto"
import { readSettingsLog } from "./settings-log.ts"

/*
 * Checks the bootloader's promises from outside: it reads a board's flash and its serial log, by the tables in
 * docs/bootloader.md, and shares no code with src/. Numbers are those of the promises there.
 */
export interface BankView {
    status: "empty" | "trial" | "confirmed" | "bad"
    attempts: number
    sizeBytes: number
    sequence: number
    version: string
    /** The pieces in the store have the digest that the record names. */
    whole: boolean
}

export interface BootView {
    generation: number
    active: "R" | "A" | "B"
    minSequence: number
    trying: boolean
    /** First 8 bytes of the SHA-256 of the image last tried from RAM, as hex digits. */
    tryDigest: string
    a: BankView
    b: BankView
}

export interface Finding {
    /** Of the promise that does not hold. */
    promise: number
    message: string
}

const STATUS = ["empty", "trial", "confirmed", "bad"] as const
const SLOTS = ["R", "A", "B"] as const
const RECORD_BYTES = 124
const PIECE_BYTES = 208
/** In front of each piece; says which image it is of. */
const TAG_BYTES = 4
const MAX_ATTEMPTS = 3
const R_WITHIN_MS = 2000

/** The boot record that counts; undefined when there is none. */
export function readBootView(flash: Uint8Array): BootView | undefined {
    const { live } = readSettingsLog(flash)
    const copies = ["hRec0", "hRec1"].flatMap(key => {
        const value = live.get(`:${key}`)?.value
        if (!value || value.length !== RECORD_BYTES) return []
        const bytes = Buffer.from(value)
        const check = createHash("sha256").update(bytes.subarray(0, 120)).digest().subarray(0, 4)
        return bytes.toString("latin1", 0, 2) === "HB" && bytes[2] === 1 && check.equals(bytes.subarray(120)) ? [bytes] : []
    })
    const record = copies.sort((x, y) => y.readUInt32LE(4) - x.readUInt32LE(4))[0]
    if (!record) return undefined
    const bank = (name: "A" | "B", at: number): BankView => {
        const sizeBytes = record.readUInt16LE(at + 2)
        const pieces: Uint8Array[] = []
        for (let n = 0; n * PIECE_BYTES < sizeBytes; n++) pieces.push(live.get(`:h${name}${n}`)?.value.subarray(TAG_BYTES) ?? new Uint8Array(0))
        const image = Buffer.concat(pieces).subarray(0, sizeBytes)
        const digest = createHash("sha256").update(image).digest().subarray(0, 16)
        return {
            status: STATUS[record[at]],
            attempts: record[at + 1],
            sizeBytes,
            sequence: record.readUInt32LE(at + 4),
            version: record.toString("utf8", at + 24, at + 40).replace(/\0.*$/s, ""),
            whole: image.length === sizeBytes && digest.equals(record.subarray(at + 8, at + 24)),
        }
    }
    return {
        generation: record.readUInt32LE(4),
        active: SLOTS[record[3]],
        minSequence: record.readUInt32LE(16),
        trying: (record[22] & 1) !== 0,
        tryDigest: record.toString("hex", 24, 32),
        a: bank("A", 40),
        b: bank("B", 80),
    }
}

/** What of the promises the flash alone shows broken. */
export function checkFlash(flash: Uint8Array): Finding[] {
    const view = readBootView(flash)
    if (!view) return []
    const findings: Finding[] = []
    const bank = view.active === "A" ? view.a : view.active === "B" ? view.b : undefined
    if (bank && bank.status !== "trial" && bank.status !== "confirmed") findings.push({ promise: 2, message: `the active bank is ${bank.status}` })
    if (bank && bank.status === "confirmed" && bank.sequence > view.minSequence)
        findings.push({ promise: 6, message: `sequence ${bank.sequence} is confirmed, and ${view.minSequence} still accepted` })
    for (const b of [view.a, view.b])
        if (b.status === "trial" && b.attempts > MAX_ATTEMPTS) findings.push({ promise: 3, message: `${b.attempts} starts on trial` })
    return findings
}

/** What a start's line says, against the flash that it started from and the one that it left. */
export function checkStart(before: Uint8Array, after: Uint8Array, line: string): Finding[] {
    const findings = checkFlash(after)
    const was = readBootView(before)
    const is = readBootView(after)
    const [, slot, version, sequence, cause, tookMs] = /slot=(\S) v=(\S+) seq=(\d+) cause=(\S+) .*ms=(\d+)/.exec(line) ?? []
    if (slot === "R" && !(Number(tookMs) <= R_WITHIN_MS)) findings.push({ promise: 1, message: `R after ${tookMs} ms` })
    if (slot !== "R" && !was) findings.push({ promise: 1, message: `${slot} runs, and there was no record to say so` })
    if (was && is && is.minSequence < was.minSequence) findings.push({ promise: 6, message: "a start lowered the sequence" })
    if (slot === "A" || slot === "B") {
        const bank = slot === "A" ? is?.a : is?.b
        if (!bank) return [...findings, { promise: 2, message: `${slot} runs without a record` }]
        if (!bank.whole) findings.push({ promise: 2, message: `${slot} runs, and its pieces are not what the record says` })
        if (bank.version !== version || String(bank.sequence) !== sequence) findings.push({ promise: 9, message: `it calls ${slot} ${version}, sequence ${sequence}` })
        const wasBank = slot === "A" ? was?.a : was?.b
        if (wasBank?.status === "bad") findings.push({ promise: 4, message: `${slot} was bad, and runs` })
        if (bank.status === "trial" && wasBank && bank.attempts <= wasBank.attempts) findings.push({ promise: 3, message: `${slot} runs on trial, not counted` })
    }
    if (cause === "power" && was && !was.trying && was.active === slot && is && is.generation !== was.generation) {
        const bank = slot === "A" ? was.a : slot === "B" ? was.b : undefined
        if (!bank || bank.status === "confirmed") findings.push({ promise: 5, message: "a quiet start wrote the record" })
    }
    return findings
}
