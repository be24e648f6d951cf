import { readFileSync } from "node:fs"

/** What one chip's settings log has room for; the numbers are in budget.json. */
export interface ChipBudget {
    readonly logBankBytes: number
    /** largest image that both banks hold, beside everything else */
    readonly imageMaxBytes: number
    /** kept free for the user's own settings, entries included */
    readonly userSettingsBytes: number
}

export type BudgetedChip = "esp32" | "rp2040"

const budgets = JSON.parse(readFileSync(new URL("budget.json", import.meta.url), "utf8")) as Record<BudgetedChip, ChipBudget>

export const budgetedChips: readonly BudgetedChip[] = ["esp32", "rp2040"]

export function chipBudget(chip: BudgetedChip): ChipBudget {
    return budgets[chip]
}

/** What any board takes at most: the updater's own limit. */
export const largestImageBytes = Math.max(...budgetedChips.map(chip => budgets[chip].imageMaxBytes))

const entryBytes = 24
const pieceBytes = 208
/** in front of each piece */
const tagBytes = 4
/** a larger image is in its bank before its trial; see src/dfu/download.ts */
const chunkBytes = 5 * pieceBytes

/** Bytes of the log that a value takes with its entry. */
export function loggedBytes(valueBytes: number): number {
    return entryBytes + Math.max(8, (valueBytes + 7) & ~7)
}

/** Bytes of the log that an image takes in its bank. */
export function bankedBytes(imageBytes: number): number {
    let bytes = 0
    for (let at = 0; at < imageBytes; at += pieceBytes) bytes += loggedBytes(tagBytes + Math.min(pieceBytes, imageBytes - at))
    return bytes
}

/** Writes of the store for an update: the pieces, the record before the trial and after it, and before a bank is filled with a large image. */
export function updateWrites(imageBytes: number): number {
    return Math.ceil(imageBytes / pieceBytes) + (imageBytes > chunkBytes ? 3 : 2)
}

/** What is in the log besides banks and user's settings: header, program, Wi-Fi, record twice, diagnostics, marks, configuration. */
export const fixedBytes = 24 + 24 + 88 + 2 * loggedBytes(124) + loggedBytes(215) + loggedBytes(4) + loggedBytes(1) + loggedBytes(32) + 448

/** Bytes that an update adds to the log. */
export function updateBytes(imageBytes: number): number {
    const records = updateWrites(imageBytes) - Math.ceil(imageBytes / pieceBytes)
    return bankedBytes(imageBytes) + records * loggedBytes(124)
}

/**
 * How often the store collects its log in 1,000 updates: each time the log has grown by what one of its banks has left over. At
 * most, as not every value of the fixed ones is there on every board.
 */
export function gcsPer1000Updates(chip: BudgetedChip, imageBytes: number, userBytes: number): number {
    const leftBytes = budgets[chip].logBankBytes - fixedBytes - userBytes - 2 * bankedBytes(imageBytes)
    return Math.round((1000 * updateBytes(imageBytes)) / leftBytes)
}
