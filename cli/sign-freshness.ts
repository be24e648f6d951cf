import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { signFreshness } from "../toolchain/sign/index.ts"
import type { ApiClient } from "./api-client.ts"
import { CliError } from "./cli-error.ts"
import type { ReleaseDocument } from "../cloud/operator-api/documents.ts"
import { inProject, shown } from "./paths.ts"
import { readBundles } from "./project-programs.ts"
import { newestFor } from "./release-files.ts"
import type { Session } from "./session.ts"
import { signerFor, warnWhenLow } from "./signers.ts"

export interface FreshnessOptions {
    readonly base?: string[]
    readonly key?: string[]
    readonly days: number
    readonly newest?: string
    readonly publish?: boolean
}

interface SignedFreshness {
    readonly base: string
    readonly newest: string
    readonly sequence: number
    readonly notAfter: string
    readonly file: string
    readonly statement: string | null
}

const DAY_S = 86_400

/**
 * Signs, for each base, what its newest update is and until when that holds. What is newest is what was built *here*:
 * the server, which is asked only whether it has it, could leave something out.
 */
export async function signFresh(session: Session, options: FreshnessOptions): Promise<void> {
    const { config, out, env } = session
    const bundles = readBundles(options.base?.length ? options.base.map(f => inProject(config, f)) : config.baseFiles)
    const api = options.publish ? session.api() : undefined
    const plans = bundles.map(bundle => {
        const release = newestFor(config.outDir, bundle.baseId, options.newest)
        if (release === undefined && options.newest !== undefined && options.newest !== bundle.version)
            throw new CliError("HOV_CLI_RELEASE_MISSING", `there is no ${options.newest} for base ${bundle.baseId} here: see "handover release"`)
        return { bundle, sequence: release?.artifact.manifest.sequence ?? 0, newest: release?.artifact.manifest.version ?? bundle.version }
    })
    if (api) await checkPublished(api, config.app, plans.map(({ bundle, sequence, newest }) => ({ base: bundle.baseId, sequence, newest })))
    const folder = join(config.outDir, "statements")
    mkdirSync(folder, { recursive: true })
    const signed: SignedFreshness[] = []
    for (const { bundle, sequence, newest } of plans) {
        const { signer, keyFile } = await signerFor(bundle, config, (options.key ?? []).map(f => inProject(config, f)), env)
        const issuedAtUnixS = Math.floor(Date.now() / 1000)
        const notAfterUnixS = issuedAtUnixS + Math.round(options.days * DAY_S)
        const bytes = await signFreshness(signer, { baseId: bundle.baseId, newestSequence: sequence, newestVersion: newest, issuedAtUnixS, notAfterUnixS })
        const file = join(folder, `fresh-${bundle.baseId}.hos`)
        writeFileSync(file, bytes)
        const sent = await api?.call<{ id: string }>("POST", "/statements", bytes)
        warnWhenLow(out, keyFile)
        signed.push({ base: bundle.baseId, newest, sequence, notAfter: new Date(notAfterUnixS * 1000).toISOString(), file: shown(file), statement: sent?.id ?? null })
    }
    out.result({ ok: true, freshness: signed }, () =>
        signed
            .map(s => `base ${s.base}: ${s.newest} (sequence ${s.sequence}) is the newest until ${s.notAfter}: ${s.statement === null ? `${s.file}, to be sent with --publish` : "sent; boards hear it with their next poll"}`)
            .join("\n"),
    )
}

/** Boards that hear of an update and cannot get it take themselves for kept back. */
async function checkPublished(api: ApiClient, app: string, newest: readonly { base: string; sequence: number; newest: string }[]): Promise<void> {
    const releases = await api.list<ReleaseDocument>(`/releases?app=${encodeURIComponent(app)}`)
    for (const { base, sequence, newest: version } of newest)
        if (sequence > 0 && !releases.some(r => r.artifacts.some(a => a.base === base && a.sequence === sequence)))
            throw new CliError("HOV_CLI_RELEASE_MISSING", `the server has no ${version} for base ${base}: publish it first, or name the newest that is there with --newest`)
}
