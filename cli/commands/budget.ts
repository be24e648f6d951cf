import type { Command } from "commander"
import { type BudgetedChip, budgetedChips, chipBudget, gcsPer1000Updates, updateBytes, updateWrites } from "../../toolchain/format/budget.ts"
import { table } from "../output.ts"
import { action, type Session } from "../session.ts"

/** A sector of flash takes 100,000 erases; a collection erases each sector of one bank once, the two banks in turn. */
const CYCLES = 100_000
const SIZES_BYTES = [1024, 2048]

export interface UpdateCost {
    readonly chip: BudgetedChip
    readonly imageBytes: number
    readonly writes: number
    readonly loggedBytes: number
    readonly gcsPer1000Updates: number
    /** until the first sector has had its 100,000 erases */
    readonly updates: number
}

export function addBudget(program: Command): void {
    program
        .command("budget")
        .summary("what a board's settings log has room for, and what updates cost it")
        .description("For each chip: the largest image, what is kept for your own settings, and writes and collections of the log per update, with all of that room in use.")
        .action(action(budget))
}

async function budget({ out }: Session): Promise<void> {
    const chips = budgetedChips.map(chip => ({ chip, ...chipBudget(chip) }))
    const updates = budgetedChips.flatMap(chip => [...SIZES_BYTES, chipBudget(chip).imageMaxBytes].map(imageBytes => costOf(chip, imageBytes)))
    out.result({ ok: true, chips, updates }, () =>
        [
            table(
                chips.map(c => [c.chip, String(c.logBankBytes), String(c.imageMaxBytes), String(c.userSettingsBytes)]),
                ["chip", "log, bytes", "largest image", "kept for your settings"],
            ),
            table(
                updates.map(u => [u.chip, String(u.imageBytes), String(u.writes), String(u.loggedBytes), String(u.gcsPer1000Updates), String(u.updates)]),
                ["chip", "image", "writes", "bytes logged", "GCs per 1,000 updates", "updates until 100,000 erases"],
            ),
        ].join("\n\n"),
    )
}

function costOf(chip: BudgetedChip, imageBytes: number): UpdateCost {
    const gcs = gcsPer1000Updates(chip, imageBytes, chipBudget(chip).userSettingsBytes)
    return {
        chip,
        imageBytes,
        writes: updateWrites(imageBytes),
        loggedBytes: updateBytes(imageBytes),
        gcsPer1000Updates: gcs,
        updates: Math.floor((2 * CYCLES * 1000) / gcs),
    }
}
