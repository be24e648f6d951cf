export type ChipName = "esp32" | "rp2040"

/**
 * What the two boards' firmware makes of their flash and network; read in the flash and socket sources of the public
 * repositories devicescript-esp32 and devicescript-pico, not measured on hardware.
 */
export interface Chip {
    name: ChipName
    /**
     * The part of the flash that holds the settings log and the program. The stock store derives its layout from this
     * size alone (1/16 of it for each of the log's two banks), so the WebAssembly VM lays it out as the board does.
     */
    flashSizeBytes: number
    /** Size of one bank of the settings log. */
    logBankBytes: number
    /**
     * RP2040: writes gather in a buffer of one page, which is programmed when a write to another page comes or the
     * store asks for a sync. ESP32: each write is programmed at once.
     */
    buffersPage: boolean
    hasTls: boolean
    /** Largest piece of a stream that the firmware gives to the script at once. */
    socketChunkBytes: number
    /** RP2040: that the peer closed in order shows as the error "recv without buf?", then as a close. */
    closeIsError: boolean
}

/** The unit of an erase. */
export const SECTOR_BYTES = 4096
/** The unit of a program pulse: what one costs does not depend on how much of the page it fills. */
export const PAGE_BYTES = 256

export const CHIPS: Record<ChipName, Chip> = {
    esp32: {
        name: "esp32",
        flashSizeBytes: 256 * 1024,
        logBankBytes: 16 * 1024,
        buffersPage: false,
        hasTls: true,
        socketChunkBytes: 1024,
        closeIsError: false,
    },
    rp2040: {
        name: "rp2040",
        flashSizeBytes: 128 * 1024,
        logBankBytes: 8 * 1024,
        buffersPage: true,
        hasTls: false,
        socketChunkBytes: 1460,
        closeIsError: true,
    },
}
