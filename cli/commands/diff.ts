import type { Command } from "commander"
import { writeFileSync } from "node:fs"
import { buildUpdate } from "../../toolchain/diff/build-update.ts"
import { imageMap } from "../../toolchain/pack/image-map.ts"
import { RefusedError } from "../../toolchain/translate/refusal.ts"
import type { DiffFile } from "../diff-file.ts"
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
        .option("-o, --output <file>", "write it to a file too, with the image in it: handover inspect FILE shows its code")
        .action(action(diff))
}

async function diff({ out, config }: Session, options: { output?: string }, oldPath?: string, newPath?: string): Promise<number> {
    const base = await baseOf(out, oldPath ?? config.baseFiles[0])
    const next = await programOf(out, newPath ?? config.projectDir, base)
    const about = { kind: "diff", base: base.baseId, baseVersion: base.version } as const
    const give = (found: DiffFile, text: () => string) => {
        if (options.output !== undefined) writeFileSync(options.output, `${JSON.stringify(found)}\n`)
        out.result(found, text)
    }
    try {
        const update = buildUpdate(base.linked, next, { sequence: 1, imageMaxBytes: config.imageMaxBytes })
        const report = updateReport(next, update)
        const image = Buffer.from(update.file).toString("base64")
        give({ ...about, ok: true, ...report, image, map: imageMap(base.linked, next, update, { version: "next" }) }, () => formatUpdate(report))
        return EXIT.ok
    } catch (e) {
        if (!(e instanceof RefusedError)) throw e
        give({ ...about, ok: false, hot: false, code: "HOV_REFUSED", refusals: e.refusals }, () => formatRefusals(e.refusals))
        return EXIT.refused
    }
}
