import type { Command } from "commander"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { ColdImageError, encodeColdImage } from "../../toolchain/format/cold-image.ts"
import { type BaseBundle, baseBundle, encodeBaseBundle } from "../../toolchain/pack/base-bundle.ts"
import { signArtifact } from "../../toolchain/sign/index.ts"
import { CliError } from "../cli-error.ts"
import type { Config, ConfigFile } from "../config.ts"
import { collect, date } from "../option-values.ts"
import { bundlesFolder, inProject, shown } from "../paths.ts"
import { compile, readBundles } from "../project-programs.ts"
import { artifactFile, highestSequence, releaseFolder } from "../release-files.ts"
import { action, type Session } from "../session.ts"
import { keysToTrust, noKey, signerFor, warnWhenLow } from "../signers.ts"
import { sizeReport } from "../size-report.ts"
import { checkVersion } from "../versions.ts"

interface Options {
    readonly base?: string[]
    readonly key?: string[]
    readonly notAfter?: Date
}

/** What the chips' program slots hold (`toolchain/format/cold-image.ts` fills up to whole blocks). */
const SLOT_BYTES = 28 * 4096

export function addConsolidate(program: Command): void {
    program
        .command("consolidate <version>")
        .summary("make the project as it is the next base, and a cold release that brings it to the boards")
        .description(
            "Builds the project, with all that went live since, as a new base, and signs a cold release of it for every base in the field:\n" +
                "boards get the whole program over the air and start it anew (docs/cold.md). Then: handover publish VERSION.",
        )
        .option("--base <file>", "bundle of a base in the field; several times for several (default: as for release)", collect)
        .option("--key <file>", "signing key (default: as for release)", collect)
        .option("--not-after <date>", "boards refuse it after this time", date)
        .action(action(consolidate))
}

async function consolidate(session: Session, options: Options, version: string): Promise<void> {
    const { config, out, env } = session
    checkVersion(version)
    const files = options.base?.length ? options.base.map(f => inProject(config, f)) : config.baseFiles
    const before = readBundles(files)
    const keys = keysToTrust(config, [])
    if (!keys.length) throw noKey()
    for (const { baseId } of before)
        if (existsSync(artifactFile(config.outDir, version, baseId)))
            throw new CliError("HOV_CLI_RELEASE_EXISTS", `${shown(artifactFile(config.outDir, version, baseId))} exists already: a release does not change, choose another version`)
    const keyFiles = (options.key ?? []).map(f => inProject(config, f))
    const signers = await Promise.all(before.map(b => signerFor(b, config, keyFiles, env)))
    const next = new Map<number, BaseBundle>()
    for (const { productId } of before) if (!next.has(productId)) next.set(productId, baseBundle(await compile(out, config, keys, { productId }), version))
    const images = before.map(b => ({ bundle: b, next: next.get(b.productId) as BaseBundle, image: imageOf(b, next.get(b.productId) as BaseBundle) }))

    const bundleFiles = [...next.values()].map(bundle => writeBundle(config, bundle))
    mkdirSync(releaseFolder(config.outDir, version), { recursive: true })
    const artifacts: { base: string; baseVersion: string; next: string; sequence: number; programBytes: number; freeBytes: number; file: string }[] = []
    for (const [i, { bundle, next: to, image }] of images.entries()) {
        const { signer, keyFile } = signers[i]
        const sequence = highestSequence(config.outDir, bundle.baseId) + 1
        const notAfterUnixS = options.notAfter ? Math.floor(options.notAfter.getTime() / 1000) : 0
        const artifact = await signArtifact(signer, { baseId: bundle.baseId, sequence, productId: bundle.productId, notAfterUnixS, version, downgradeAllowed: false, cold: true }, image)
        const file = artifactFile(config.outDir, version, bundle.baseId)
        writeFileSync(file, artifact)
        warnWhenLow(out, keyFile)
        artifacts.push({ base: bundle.baseId, baseVersion: bundle.version, next: to.baseId, sequence, programBytes: to.linked.file.length, freeBytes: sizeReport(to.linked).freeBytes, file: shown(file) })
    }
    nameBases(config, [...files, ...bundleFiles])
    out.result({ ok: true, version, cold: true, artifacts, bases: bundleFiles.map(shown) }, () =>
        [
            ...artifacts.map(a => `${a.baseVersion} (${a.base}) -> ${version} (${a.next}), sequence ${a.sequence}: cold, ${a.programBytes} bytes, boards start anew`),
            `handover.json names the new base beside those before: releases are built for all of them from now on.`,
            `next: handover publish ${version}, then a rollout; boards that have it are updated hot again`,
        ].join("\n"),
    )
}

/** @throws CliError with the reason for which no board may get it */
function imageOf(from: BaseBundle, to: BaseBundle): Uint8Array {
    if (to.linked.file.length > SLOT_BYTES) throw new CliError("HOV_CLI_USAGE", `the base has ${to.linked.file.length} bytes, and a board's program slot ${SLOT_BYTES}`)
    try {
        return encodeColdImage({ baseId: to.baseId, previousBaseId: from.baseId, program: to.linked.file, previousProgram: from.linked.file }, from.productId)
    } catch (e) {
        if (e instanceof ColdImageError) throw new CliError("HOV_CLI_COLD", `${e.code}: ${e.message}`)
        throw e
    }
}

function writeBundle(config: Config, bundle: BaseBundle): string {
    const text = encodeBaseBundle(bundle)
    mkdirSync(bundlesFolder(config.outDir), { recursive: true })
    const file = join(bundlesFolder(config.outDir), `${bundle.baseId}.json`)
    writeFileSync(file, text)
    return file
}

/** The bases in the field, in the place of the one file that the next build would overwrite. */
function nameBases(config: Config, files: readonly string[]): void {
    const content = config.exists ? (JSON.parse(readFileSync(config.file, "utf8")) as ConfigFile) : {}
    const kept = files.map(file => {
        const [bundle] = readBundles([file])
        return writeBundle(config, bundle)
    })
    writeFileSync(config.file, `${JSON.stringify({ ...content, bases: [...new Set(kept.map(f => relative(config.projectDir, f)))] }, undefined, 4)}\n`)
}
