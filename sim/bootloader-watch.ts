import { type Finding, readBootView } from "./bootloader-check.ts"
import { PAGE_BYTES, SECTOR_BYTES } from "./chips.ts"
import type { FlashOperation } from "./nor-flash.ts"
import { readSettingsLog } from "./settings-log.ts"
import { checkStore } from "./store-format-check.ts"

/**
 * Follows a board from power-on, operation by operation and line by line, and checks what flash before and after cannot
 * show: promises 7 and 8 of docs/bootloader.md, and how often the stock store is exposed to a power cut. Shares no code
 * with src/.
 */
export class BootloaderWatch {
    readonly findings: Finding[] = []
    /** Values that came to the log, without those that a GC moves. */
    writes = 0
    /** Times in which a power cut would make the store format: from the first pulse of a value to the last of its entry. */
    windows = 0
    /** Pages that are programmed in those windows: their time is what the store is exposed for. */
    exposedPages = 0
    private readonly flash: Uint8Array
    private entries: number
    private generation: number
    private exposed = false
    private runs = "R"

    constructor(flashAtPowerOn: Uint8Array) {
        this.flash = flashAtPowerOn.slice()
        const log = readSettingsLog(this.flash)
        this.entries = log.history.length
        this.generation = log.generation
    }

    operation({ kind, offset, sizeBytes, bytes }: FlashOperation): void {
        if (kind === "erase") this.flash.fill(0xff, offset, offset + SECTOR_BYTES)
        else for (let i = 0; i < bytes.length; i++) this.flash[offset + i] &= bytes[i]
        const exposed = checkStore(this.flash) === "interruptedWrite"
        if (exposed && !this.exposed) this.windows++
        if (exposed || this.exposed) this.exposedPages += Math.floor((offset + sizeBytes - 1) / PAGE_BYTES) - Math.floor(offset / PAGE_BYTES) + 1
        this.exposed = exposed

        const log = readSettingsLog(this.flash)
        if (log.damage !== undefined) return
        // a GC writes all that counts anew: those are not writes of anybody
        const fresh = log.generation === this.generation ? log.history.slice(this.entries) : []
        this.entries = log.history.length
        this.generation = log.generation
        this.writes += fresh.length
        for (const { key } of fresh) {
            const bank = /^:h([AB])\d+$/.exec(key)?.[1]
            if (bank && bank === this.runs) this.findings.push({ promise: 8, message: `${key.slice(1)} is written while ${bank} runs` })
        }
    }

    line(text: string): void {
        const slot = /^> HOV (?:boot|persisted|rolledback) slot=(\S)/.exec(text)?.[1]
        if (slot) this.runs = slot
        if (/^> HOV reverted/.test(text)) this.runs = readBootView(this.flash)?.active ?? "R"
        // the loader's own word that an image runs from RAM, on trial
        const digest = /^> plain active=\d+ reason=hot sum=(\w+) trial=true/.exec(text)?.[1]
        if (!digest) return
        const view = readBootView(this.flash)
        if (!view?.trying || !view.tryDigest.startsWith(digest)) this.findings.push({ promise: 7, message: `${digest} runs from RAM, and the record names ${view?.trying ? view.tryDigest : "nothing"}` })
    }
}
