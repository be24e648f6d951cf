import * as ds from "@devicescript/core"
import { baseId } from "../hotswap"
import { decodeRecord, encodeRecord } from "./boot-record"
import { bankOf, BootEvent, BootRecord, bootStep, emptyRecord } from "./boot-state"
import { hov } from "./log"
import { readValue, writeValue } from "./store"

/* The boot record that counts, in memory and in flash. Every change goes through the rules of `boot-state.ts`. */

const WRITE_MS = 1000

let record: BootRecord = emptyRecord(baseId(), 0)
/** False while the store has not told us what it holds: then nothing may be written. */
let isRead = false
/** Why the last thing was given up, and the digest of what it was. */
let givenUpCode = ""
let givenUpDigest = ""

export function bootRecord() {
    return record
}

/** What was given up since the last call, as `CODE digest8`, or "". */
export function takeGivenUp() {
    const what = givenUpCode && `${givenUpCode} ${givenUpDigest.slice(0, 8)}`
    givenUpCode = ""
    return what
}

/** False when the store does not say by `deadlineMs` what it holds. */
export async function readRecord(deadlineMs: number) {
    if (isRead) return true
    const copy0 = await readValue("hRec0", deadlineMs)
    const copy1 = await readValue("hRec1", deadlineMs)
    if (!copy0 || !copy1) return false
    isRead = true
    const first = decodeRecord(copy0)
    const second = decodeRecord(copy1)
    if (first || second)
        record = !first || (second && second.generation > first.generation) ? second : first
    return true
}

/** Takes an event through the rules; the record is in flash when this returns. */
export async function apply(event: BootEvent) {
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
    if (!isRead) return false
    record.generation++
    const key = record.generation & 1 ? "hRec1" : "hRec0"
    return await writeValue(key, encodeRecord(record), ds.millis() + WRITE_MS)
}
