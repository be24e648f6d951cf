import { CHIPS, SECTOR_BYTES, type ChipName } from "./chips.ts"

/*
 * The stock settings store (jd_fstor of jacdac-c), read and written from outside. It lies at the start of the flash
 * and takes its measures from the flash's size. All numbers are little-endian.
 *
 *   bank 0           | bank 1           | pages of large values (the program)
 *   header, 24 bytes:  magic "FSTR", magic, generation, page size, u16 pages, u16 pages of a bank, 0
 *   entries, 24 bytes: key (16, zero padded), offset of the value in the flash, size; the next one follows
 *   ...erased...
 *   values, growing down from the bank's end, each padded to 8 bytes
 *
 * The bank of the higher generation counts, and in it the last entry of a key. A size of 0 is a deleted key.
 * A key that begins with "*" has its value outside the banks; "@devicescript/settings" puts ":" before its keys.
 */

const MAGIC0 = 0x52545346
const MAGIC1 = 0x6becea0a
const HEADER_BYTES = 24
const ENTRY_BYTES = 24
const KEY_BYTES = 16

export interface SettingsEntry {
    key: string
    /** Of the value, from the start of the flash. */
    offset: number
    sizeBytes: number
    value: Uint8Array
}

export interface SettingsLog {
    /** undefined when no bank has a valid header: the store would format. */
    bank: 0 | 1 | undefined
    generation: number
    /** Every entry of the active bank, oldest first, overwritten and deleted ones included. */
    history: SettingsEntry[]
    /** The last entry of each key that is not deleted. */
    live: Map<string, SettingsEntry>
    /** As the store prints it when it mounts. */
    freeBytes: number
    /** Why the next mount would format everything, the program included. */
    damage: string | undefined
}

const pages = (flashBytes: number) => flashBytes / SECTOR_BYTES
/** Size of one bank of the log in a flash of this size. */
export const bankBytes = (flashBytes: number) => Math.min(Math.max(Math.floor(pages(flashBytes) / 16), 1), 0xf0) * SECTOR_BYTES
const align8 = (size: number) => (size === 0 ? 8 : (size + 7) & ~7)

/** Reads the store's log; never throws on damaged contents. */
export function readSettingsLog(flash: Uint8Array): SettingsLog {
    const view = new DataView(flash.buffer, flash.byteOffset, flash.length)
    const size = bankBytes(flash.length)
    const generationOf = (bank: number) => {
        const at = bank * size
        const valid =
            view.getUint32(at, true) === MAGIC0 &&
            view.getUint32(at + 4, true) === MAGIC1 &&
            view.getUint32(at + 12, true) === SECTOR_BYTES &&
            view.getUint16(at + 16, true) === pages(flash.length) &&
            view.getUint16(at + 18, true) === size / SECTOR_BYTES
        return valid ? view.getUint32(at + 8, true) : undefined
    }
    const generations = [generationOf(0), generationOf(1)]
    const bank = generations[0] === undefined ? (generations[1] === undefined ? undefined : 1) : (generations[1] ?? -1) >= generations[0] ? 1 : 0
    const log: SettingsLog = { bank, generation: generations[bank ?? 0] ?? 0, history: [], live: new Map(), freeBytes: 0, damage: undefined }
    if (bank === undefined) return { ...log, damage: "no bank has a valid header" }

    let lowestValue = (bank + 1) * size
    let at = bank * size + HEADER_BYTES
    for (; view.getUint32(at + KEY_BYTES, true) !== 0xffffffff; at += ENTRY_BYTES) {
        const offset = view.getUint32(at + KEY_BYTES, true)
        if (offset < lowestValue) lowestValue = offset
        // The store's own order of checks: the entry counts before its end is looked at.
        if (at + ENTRY_BYTES > lowestValue) return { ...log, damage: "the entries run into the values" }
        const sizeBytes = view.getUint32(at + KEY_BYTES + 4, true)
        const key = Buffer.from(flash.subarray(at, at + KEY_BYTES)).toString("latin1").replace(/\0.*$/s, "")
        log.history.push({ key, offset, sizeBytes, value: flash.slice(offset, offset + sizeBytes) })
    }
    for (let i = at; i < lowestValue; i++) if (flash[i] !== 0xff) return { ...log, damage: `offset ${i} between entries and values is not erased` }

    for (const entry of log.history) {
        if (entry.sizeBytes === 0) log.live.delete(entry.key)
        else log.live.set(entry.key, entry)
    }
    log.freeBytes = Math.max(0, lowestValue - (at - ENTRY_BYTES) - 2 * ENTRY_BYTES)
    return log
}

/** Value of a setting of `@devicescript/settings` as its JSON, or undefined. */
export function readSetting(flash: Uint8Array, key: string): unknown {
    const entry = readSettingsLog(flash).live.get(`:${key}`)
    return entry && JSON.parse(Buffer.from(entry.value).toString("utf8"))
}

export type SettingValue = string | number | boolean | null | object | Uint8Array

/**
 * Adds settings as the store would: formats an empty flash first, skips what is there already.
 * Bytes are stored as they are, all else as JSON, which is what `writeSetting` and `readSetting` of a script use.
 * Throws when the log is damaged or full.
 */
export function writeSettings(flash: Uint8Array, settings: Record<string, SettingValue>): void {
    if (readSettingsLog(flash).bank === undefined) format(flash)
    for (const [key, value] of Object.entries(settings)) append(flash, `:${key}`, value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value)))
}

function format(flash: Uint8Array): void {
    const view = new DataView(flash.buffer, flash.byteOffset, flash.length)
    const size = bankBytes(flash.length)
    flash.fill(0xff, 0, size)
    view.setUint32(0, MAGIC0, true)
    view.setUint32(4, MAGIC1, true)
    view.setUint32(8, 1, true)
    view.setUint32(12, SECTOR_BYTES, true)
    view.setUint16(16, pages(flash.length), true)
    view.setUint16(18, size / SECTOR_BYTES, true)
    view.setUint32(20, 0, true)
}

function append(flash: Uint8Array, key: string, value: Uint8Array): void {
    const log = readSettingsLog(flash)
    if (log.damage !== undefined || log.bank === undefined) throw new Error(`SIM_SETTINGS_DAMAGED: ${log.damage}`)
    if (key.length > KEY_BYTES - 1) throw new Error(`SIM_SETTINGS_KEY: "${key}" has more than ${KEY_BYTES - 1} characters`)
    const old = log.live.get(key)
    if (old && Buffer.compare(old.value, value) === 0) return
    const sizeBytes = align8(value.length)
    if (log.freeBytes < sizeBytes + ENTRY_BYTES) throw new Error(`SIM_SETTINGS_FULL: no room for "${key}" (${value.length} bytes)`)

    const bankStart = log.bank * bankBytes(flash.length)
    const small = log.history.filter(entry => !entry.key.startsWith("*"))
    const offset = Math.min(bankStart + bankBytes(flash.length), ...small.map(entry => entry.offset)) - sizeBytes
    const at = bankStart + HEADER_BYTES + log.history.length * ENTRY_BYTES
    const view = new DataView(flash.buffer, flash.byteOffset, flash.length)
    flash.set(value, offset)
    flash.fill(0, at, at + KEY_BYTES)
    flash.set(Buffer.from(key, "latin1"), at)
    view.setUint32(at + KEY_BYTES, offset, true)
    view.setUint32(at + KEY_BYTES + 4, value.length, true)
}

const PROGRAM_HEADER_BYTES = 128

/** The deployed program (padded to 32 bytes), or undefined when there is none or it is incomplete. */
export function readProgram(flash: Uint8Array): Uint8Array | undefined {
    const entry = readSettingsLog(flash).live.get("*prog")
    if (!entry || entry.value.length < PROGRAM_HEADER_BYTES) return undefined
    const view = new DataView(entry.value.buffer, entry.value.byteOffset, entry.value.length)
    if (view.getUint32(0, true) !== 0x8d8abd53 || view.getUint32(8, true) !== 0xb27c4b2b) return undefined
    return entry.value.subarray(PROGRAM_HEADER_BYTES, PROGRAM_HEADER_BYTES + view.getUint32(4, true))
}

/** An empty flash of the chip. */
export function emptyFlash(chip: ChipName): Uint8Array {
    return new Uint8Array(CHIPS[chip].flashSizeBytes).fill(0xff)
}
