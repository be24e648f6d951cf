import type { Command } from "commander"
import { buildUpdate } from "../../toolchain/diff/build-update.ts"
import { RefusedError } from "../../toolchain/translate/refusal.ts"
import { EXIT } from "../exit-codes.ts"
import { baseOf, programOf } from "../project-programs.ts"
import { action, type Session } from "../session.ts"
import { formatRefusals, formatUpdate, updateReport } from "../update-report.ts"

export function addDiff(program: Command): void {
    program
        .command("diff [old] [new]")
        .summary("say what of an edit would go live, and why the rest would not")
        .description(
            "Compares a base with a newer program. OLD and NEW are base bundles or projects' folders\n" +
                "(default: OUT/base.json and the project). Exit code 0: all of it goes live; 3: something cannot.",
        )
        .action(action(diff))
}

async function diff({ out, config }: Session, _: object, oldPath?: string, newPath?: string): Promise<number> {
    const base = await baseOf(out, oldPath ?? config.baseFiles[0])
    const next = await programOf(out, newPath ?? config.projectDir, base)
    const about = { base: base.baseId, baseVersion: base.version }
    try {
        const report = updateReport(next, buildUpdate(base.linked, next, { sequence: 1, imageMaxBytes: config.imageMaxBytes }))
        out.result({ ok: true, ...about, ...report }, () => formatUpdate(report))
        return EXIT.ok
    } catch (e) {
        if (!(e instanceof RefusedError)) throw e
        out.result({ ok: false, ...about, hot: false, code: "HOV_REFUSED", refusals: e.refusals }, () => formatRefusals(e.refusals))
        return EXIT.refused
    }
}
