export type ChipName = "esp32" | "rp2040"

/** What the two boards' firmware makes of their flash and network. */
export interface Chip {
    name: ChipName
    /**
     * The part of the flash that holds the settings log and the program. The stock store derives its layout from this
     * size alone (1/16 of it for each of the log's two banks), so the WebAssembly VM lays it out as the board does.
     */
    flashSizeBytes: number
    /** Size of one bank of the settings log. */
    logBankBytes: number
    hasTls: boolean
}

/** The unit of an erase. */
export const SECTOR_BYTES = 4096
/** The unit of a program pulse: what one costs does not depend on how much of the page it fills. */
export const PAGE_BYTES = 256

export const CHIPS: Record<ChipName, Chip> = {
    esp32: { name: "esp32", flashSizeBytes: 256 * 1024, logBankBytes: 16 * 1024, hasTls: true },
    rp2040: { name: "rp2040", flashSizeBytes: 128 * 1024, logBankBytes: 8 * 1024, hasTls: false },
}
