import * as ds from "@devicescript/core"
import { describe, expect, test } from "@devicescript/test"
import { decodeRecord, encodeRecord, RECORD_SIZE_BYTES } from "./boot-record"
import { emptyRecord, Slot } from "./boot-state"

describe("the boot record", () => {
    test("comes back from its bytes as it was", () => {
        const record = emptyRecord("00c0ffee00c0ffee", 7)
        record.generation = 0x80000001
        record.active = Slot.B
        record.panics = 2
        record.b.attempts = 1
        record.b.image = { sizeBytes: 4096, sequence: 0xfffffffe, digest: "000102030405060708090a0b0c0d0e0f", version: "1.2.3" }
        const bytes = encodeRecord(record)
        expect(bytes.length).toBe(RECORD_SIZE_BYTES)
        const read = decodeRecord(bytes)
        expect(read.generation).toBe(0x80000001)
        expect(read.active).toBe(Slot.B)
        expect(read.minSequence).toBe(7)
        expect(read.b.image.sequence).toBe(0xfffffffe)
        expect(read.b.image.version).toBe("1.2.3")
        expect(encodeRecord(read).toString("hex")).toBe(bytes.toString("hex"))
    })
    test("is refused with any one bit changed", async () => {
        const bytes = encodeRecord(emptyRecord("00c0ffee00c0ffee", 7))
        let taken = 0
        for (let bit = 0; bit < RECORD_SIZE_BYTES * 8; ++bit) {
            bytes[bit >> 3] = bytes[bit >> 3] ^ (1 << (bit & 7))
            if (decodeRecord(bytes)) taken++
            bytes[bit >> 3] = bytes[bit >> 3] ^ (1 << (bit & 7))
            if ((bit & 7) === 7) await ds.sleep(1)
        }
        expect(taken).toBe(0)
    })
    test("is refused when it is short, or missing", () => {
        expect(decodeRecord(encodeRecord(emptyRecord("00c0ffee00c0ffee", 7)).slice(0, 123))).toBe(undefined)
        expect(decodeRecord(undefined)).toBe(undefined)
    })
})
