import { checkedImageMap, type ImageMap } from "../toolchain/format/image-map.ts"
import type { Refusal } from "../toolchain/translate/refusal.ts"
import { CliError } from "./cli-error.ts"
import type { UpdateReport } from "./update-report.ts"

/** What `handover diff` found: printed with `--json`, written with `--output`, and shown again by `handover inspect`. */
export type DiffFile = {
    readonly kind: "diff"
    readonly ok: boolean
    readonly base: string
    readonly baseVersion: string
} & (({ readonly ok: true } & UpdateReport & DiffImage) | { readonly ok: false; readonly hot: false; readonly code: "HOV_REFUSED"; readonly refusals: readonly Refusal[] })

/** The image that would go out, so that its code can be read without a release. */
export interface DiffImage {
    /** base64 */
    readonly image: string
    readonly map: ImageMap
}

export const looksLikeDiff = (text: string): boolean => /^\s*\{\s*"kind"\s*:\s*"diff"/.test(text)

/** @throws CliError HOV_CLI_FILE_KIND when it is no diff, or a damaged one */
export function readDiffFile(text: string): DiffFile {
    let diff: DiffFile
    try {
        diff = JSON.parse(text)
    } catch {
        throw damaged("it is no JSON")
    }
    if (diff?.kind !== "diff" || typeof diff.base !== "string" || typeof diff.ok !== "boolean") throw damaged('"kind", "ok" or "base" is missing')
    const lists = diff.ok ? [diff.functions, diff.notes, diff.lost] : [diff.refusals]
    if (!lists.every(Array.isArray)) throw damaged(`its list of ${diff.ok ? "functions" : "refusals"} is missing`)
    if (!diff.ok) return diff
    if (typeof diff.image !== "string") throw damaged("its image is missing")
    checkedImageMap(diff.map)
    return diff
}

function damaged(why: string): CliError {
    return new CliError("HOV_CLI_FILE_KIND", `not what handover diff writes: ${why}; run it again`)
}
