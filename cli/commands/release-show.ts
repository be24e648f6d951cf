import type { Command } from "commander"
import { type BudgetedChip, budgetedChips, chipBudget } from "../../toolchain/format/budget.ts"
import { parseColdImage } from "../../toolchain/format/cold-image.ts"
import { readImage } from "../../toolchain/format/image-reader.ts"
import { imageHeapBytes, imageHeapMaxBytes } from "../../toolchain/format/image-heap.ts"
import { inProject } from "../paths.ts"
import { collect } from "../option-values.ts"
import { table } from "../output.ts"
import { readBundles } from "../project-programs.ts"
import { newestFor } from "../release-files.ts"
import { action, type Session } from "../session.ts"

interface Room {
    readonly usedBytes: number
    readonly maxBytes: number
    readonly leftBytes: number
}

export interface BaseBudget {
    readonly base: string
    readonly baseVersion: string
    /** undefined: nothing was released for it here */
    readonly release: string | undefined
    readonly kind: "hot" | "cold" | undefined
    /** cold: the base that the boards have afterwards */
    readonly next?: string
    readonly image: Readonly<Record<BudgetedChip, Room>>
    readonly heap: Room
    readonly replaced: { readonly functions: number; readonly of: number; readonly percent: number }
}

/** Beside "release VERSION", which is a command of its own. */
export function addReleaseGroup(program: Command): void {
    program
        .command("release")
        .description("what was released here, per base")
        .command("show [version]")
        .description("per base: what hot releases have left of the board's bank and heap, and how much of the app runs replaced")
        .option("--base <file>", "base bundle; several times for several (default: as for release)", collect)
        .action(action(show))
}

async function show({ config, out }: Session, options: { base?: string[] }, version?: string): Promise<void> {
    const bundles = readBundles(options.base?.length ? options.base.map(f => inProject(config, f)) : config.baseFiles)
    const bases = bundles.map((bundle): BaseBudget => {
        const found = newestFor(config.outDir, bundle.baseId, version)?.artifact
        const cold = found?.manifest.cold === true
        const image = found && !cold ? readImage(found.image) : undefined
        const used = image ? (found as { image: Uint8Array }).image.length : 0
        const replaced = image ? image.functions.filter(f => "host" in f.target).length : 0
        const of = bundle.linked.hosts.length
        return {
            base: bundle.baseId,
            baseVersion: bundle.version,
            release: found?.manifest.version,
            kind: found === undefined ? undefined : cold ? "cold" : "hot",
            ...(cold && found ? { next: parseColdImage(found.image).baseId } : {}),
            image: Object.fromEntries(budgetedChips.map(chip => [chip, room(used, chipBudget(chip).imageMaxBytes)])) as Record<BudgetedChip, Room>,
            heap: room(image ? imageHeapBytes(image) : 0, imageHeapMaxBytes),
            replaced: { functions: replaced, of, percent: of === 0 ? 0 : Math.round((1000 * replaced) / of) / 10 },
        }
    })
    out.result({ ok: true, bases }, () =>
        table(
            bases.map(b => [
                `${b.baseVersion} (${b.base})`,
                b.release === undefined ? "-" : `${b.release} ${b.kind}${b.next ? ` to ${b.next}` : ""}`,
                ...budgetedChips.map(chip => `${b.image[chip].leftBytes} of ${b.image[chip].maxBytes}`),
                `${b.heap.leftBytes} of ${b.heap.maxBytes}`,
                `${b.replaced.functions} of ${b.replaced.of} (${b.replaced.percent} %)`,
            ]),
            ["base", "newest", ...budgetedChips.map(chip => `bytes left, ${chip}`), "heap left", "replaced"],
        ),
    )
}

const room = (usedBytes: number, maxBytes: number): Room => ({ usedBytes, maxBytes, leftBytes: Math.max(0, maxBytes - usedBytes) })
