import { existsSync } from "node:fs"
import { buildUpdate, defaultQuiesce, type Quiesce, type Update } from "../toolchain/diff/build-update.ts"
import type { BaseBundle } from "../toolchain/pack/base-bundle.ts"
import { imageMap } from "../toolchain/pack/image-map.ts"
import type { CompiledProgram } from "../toolchain/program/compiled-program.ts"
import { keyIdOf, signArtifact } from "../toolchain/sign/index.ts"
import { type Refusal, RefusedError } from "../toolchain/translate/refusal.ts"
import { CliError } from "./cli-error.ts"
import { bundlesFolder, inProject, shown } from "./paths.ts"
import { compile, sameAs, findBundle, readBundles } from "./project-programs.ts"
import { artifactFile, highestSequence, isWayBack, readRelease, writeRefusals, writeRelease, writeWayBack } from "./release-files.ts"
import type { Session } from "./session.ts"
import { type ChosenSigner, signerFor, warnWhenLow } from "./signers.ts"
import { type UpdateReport, updateReport } from "./update-report.ts"
import { checkVersion } from "./versions.ts"

export interface ReleaseOptions {
    readonly base?: string[]
    readonly key?: string[]
    readonly sequence?: number
    readonly notAfter?: Date
    readonly allowDowngrade?: boolean
    readonly skipRefused?: boolean
    readonly force?: boolean
    readonly dryRun?: boolean
    readonly quiesce?: "wait" | "now"
    readonly quiesceMs?: number
}

export interface ReleasedBase {
    readonly base: string
    readonly baseVersion: string
    readonly sequence: number
    readonly update?: UpdateReport
    readonly refusals?: readonly Refusal[]
    /** undefined with `--dry-run` */
    readonly signedBy?: string
    readonly artifactBytes?: number
    readonly files?: { readonly artifact: string; readonly map: string }
}

/**
 * Builds a version for every base, signs it and writes the files. Nothing is signed, and so no signature used up, before
 * all bases have been tried.
 * @throws RefusedError when it cannot go live on a base, unless those are skipped
 */
export async function makeRelease(session: Session, version: string, options: ReleaseOptions): Promise<ReleasedBase[]> {
    const { config, out } = session
    checkVersion(version)
    const files = options.base?.length ? options.base.map(f => inProject(config, f)) : config.baseFiles
    const bundles = readBundles(files)
    for (const bundle of bundles) checkAgainstBase(bundle, version)
    if (!options.dryRun && !options.force)
        for (const { baseId } of bundles) {
            const file = artifactFile(config.outDir, version, baseId)
            if (existsSync(file))
                throw new CliError("HOV_CLI_RELEASE_EXISTS", `${shown(file)} exists already: a release does not change, choose another version (or --force while it is unpublished)`)
        }
    // a missing key or passphrase is said before the work begins
    const signers = options.dryRun ? [] : await Promise.all(bundles.map(b => signerFor(b, config, (options.key ?? []).map(f => inProject(config, f)), session.env)))
    const plans = await plan(session, bundles, options)
    const refused = plans.filter(p => p.refusals)
    if (refused.length && (!options.skipRefused || refused.length === plans.length)) throw new RefusedError(refused.flatMap(p => p.refusals!))
    const released: ReleasedBase[] = []
    for (const [i, p] of plans.entries()) {
        const about = { base: p.bundle.baseId, baseVersion: p.bundle.version, sequence: p.sequence }
        if (!p.update) {
            out.warn(`base ${p.bundle.baseId} (${p.bundle.version}) is left out: ${p.refusals!.length} changes cannot go live on it`)
            if (!options.dryRun) writeRefusals(config.outDir, version, p.bundle.baseId, p.refusals!)
            released.push({ ...about, refusals: p.refusals })
            continue
        }
        const report = updateReport(p.program, p.update)
        released.push({ ...about, update: report, ...(options.dryRun ? {} : await sign(session, signers[i], version, p, p.update, options)) })
    }
    return released
}

function quiesceOf({ quiesce, quiesceMs }: ReleaseOptions): Quiesce {
    if (quiesce === "now") return "now"
    return quiesceMs === undefined ? defaultQuiesce : { waitMs: quiesceMs }
}

interface Plan {
    readonly bundle: BaseBundle
    readonly program: CompiledProgram
    readonly sequence: number
    readonly update?: Update
    readonly refusals?: readonly Refusal[]
}

async function plan({ config, out }: Session, bundles: readonly BaseBundle[], options: ReleaseOptions): Promise<Plan[]> {
    // a build holds the keys that its base trusts, its product and what it keeps, so bases with the same ones share one
    const programs = new Map<string, CompiledProgram>()
    const plans: Plan[] = []
    for (const bundle of bundles) {
        const same = sameAs(bundle)
        const keys = `${bundle.trustedKeys.map(keyIdOf).join()} ${JSON.stringify(same)}`
        const program = programs.get(keys) ?? (await compile(out, config, bundle.trustedKeys, same))
        programs.set(keys, program)
        const before = highestSequence(config.outDir, bundle.baseId)
        const sequence = options.sequence ?? before + 1
        if (sequence <= before && !options.force)
            throw new CliError("HOV_CLI_SEQUENCE", `sequence ${sequence} is not above ${before}, which an earlier image for base ${bundle.baseId} has: boards would refuse it`)
        try {
            const how = { sequence, imageMaxBytes: config.imageMaxBytes, quiesce: quiesceOf(options) }
            plans.push({ bundle, program, sequence, update: buildUpdate(bundle.linked, program, how) })
        } catch (e) {
            if (!(e instanceof RefusedError)) throw e
            plans.push({ bundle, program, sequence, refusals: e.refusals })
        }
    }
    return plans
}

async function sign({ config, out }: Session, { signer, keyFile }: ChosenSigner, version: string, { bundle, program }: Plan, update: Update, options: ReleaseOptions) {
    const artifact = await signArtifact(
        signer,
        {
            baseId: bundle.baseId,
            sequence: update.image.sequence,
            productId: bundle.productId,
            notAfterUnixS: options.notAfter ? Math.floor(options.notAfter.getTime() / 1000) : 0,
            version,
            downgradeAllowed: options.allowDowngrade === true,
            cold: false,
        },
        update.file,
    )
    warnWhenLow(out, keyFile)
    const files = writeRelease(config.outDir, version, bundle.baseId, artifact, imageMap(bundle.linked, program, update, { version }))
    return {
        signedBy: keyIdOf(await signer.publicKey()),
        artifactBytes: artifact.length,
        files: { artifact: shown(files.artifact), map: shown(files.map) },
    }
}

/** Signs images of a version that exists once more, with leave for boards to go back to them. */
export async function signWayBack(session: Session, version: string, options: ReleaseOptions): Promise<void> {
    const { config, out, env } = session
    const files = readRelease(config.outDir, version)
    for (const { file, artifact } of files) {
        const { baseId, downgradeAllowed, cold } = artifact.manifest
        if (isWayBack(file) || downgradeAllowed || cold || files.some(f => isWayBack(f.file) && f.artifact.manifest.baseId === baseId)) continue
        const bundle = findBundle(config.outDir, baseId) ?? readBundles(config.baseFiles).find(b => b.baseId === baseId)
        if (!bundle) throw new CliError("HOV_CLI_FILE", `there is no bundle of base ${baseId}: put it into ${shown(bundlesFolder(config.outDir))}`)
        const { signer, keyFile } = await signerFor(bundle, config, (options.key ?? []).map(f => inProject(config, f)), env)
        writeWayBack(file, await signArtifact(signer, { ...artifact.manifest, downgradeAllowed: true }, artifact.image))
        warnWhenLow(out, keyFile)
    }
}

function checkAgainstBase(bundle: BaseBundle, version: string): void {
    if (bundle.version === version)
        throw new CliError("HOV_CLI_USAGE", `base ${bundle.baseId} calls itself ${version} already: a release needs a version of its own`)
}
