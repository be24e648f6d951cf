import { type Command, Option } from "commander"
import { existsSync, readFileSync } from "node:fs"
import { MAGIC0 } from "../../toolchain/devs/image.ts"
import { parseArtifact } from "../../toolchain/format/artifact.ts"
import { imageMagic } from "../../toolchain/format/image.ts"
import { MANIFEST_MAGIC } from "../../toolchain/format/manifest.ts"
import { type BaseBundle, looksLikeBaseBundle, readBaseBundle } from "../../toolchain/pack/base-bundle.ts"
import { type ImageMap, readImageMap } from "../../toolchain/pack/image-map.ts"
import type { DebugInfo } from "../../toolchain/program/debug-info.ts"
import { keyIdOf, verifySignature } from "../../toolchain/sign/index.ts"
import { CliError } from "../cli-error.ts"
import { type DiffFile, looksLikeDiff, readDiffFile } from "../diff-file.ts"
import { formatImage, imageDocument } from "../inspect-image.ts"
import { formatProgram, programDocument } from "../inspect-program.ts"
import { findBundle, readBundles } from "../project-programs.ts"
import { findMap } from "../release-files.ts"
import { action, type Session } from "../session.ts"
import { createHash } from "node:crypto"
import { guessedBundle } from "../symbols.ts"
import { sizeReport } from "../size-report.ts"
import { formatRefusals, formatUpdate } from "../update-report.ts"
import { formatSizes } from "./build.ts"

export interface InspectOptions {
    readonly code?: boolean
    readonly function?: string
    readonly base?: string
    readonly map?: string
    readonly debug?: string
}

export function addInspect(program: Command): void {
    program
        .command("inspect <file>")
        .summary("show what is in a program, a base bundle, an artifact or an image")
        .description("Shows functions, sizes and constants of a .devs program, a base bundle, an artifact (.hoa), a script image, an image map or what handover diff wrote.")
        .option("--code", "show the code too: bytecode, or the executor's operations")
        .option("--function <name>", "only functions with this in their name; implies --code")
        .option("--base <file>", "base bundle of an image (default: found in OUT/bases)")
        .option("--map <file>", "map of an image (default: found in OUT/releases)")
        .addOption(new Option("--debug <file>", "debug information of a program (default: the -dbg.json beside it)"))
        .action(action(inspect))
}

async function inspect(session: Session, options: InspectOptions, file: string): Promise<void> {
    const { out } = session
    const bytes = new Uint8Array(readFileSync(file))
    const magic = bytes.length >= 4 ? Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32LE(0) : 0
    if (magic === MAGIC0) {
        const document = programDocument(bytes, debugOf(file, options), options)
        out.result({ ok: true, kind: "program", file, ...document }, () => formatProgram(document))
    } else if (magic === imageMagic) {
        const { base, map } = symbolsOf(session, options, bytes)
        const document = imageDocument(bytes, base, map, options)
        out.result({ ok: true, kind: "image", file, ...document }, () => formatImage(document))
    } else if (magic === MANIFEST_MAGIC) {
        inspectArtifact(session, options, file, bytes)
    } else {
        inspectJson(session, options, file, Buffer.from(bytes).toString("utf8"))
    }
}

function inspectArtifact(session: Session, options: InspectOptions, file: string, bytes: Uint8Array): void {
    const { manifest, manifestBytes, signature, image } = parseArtifact(bytes)
    const { base, map } = symbolsOf(session, options, image)
    // HSS: u32 levels - 1, then the LMS signature, which begins with its leaf
    const leaf = signature.length >= 8 ? Buffer.from(signature).readUInt32BE(4) : undefined
    const signer = base?.trustedKeys.find(key => verifySignature(key, manifestBytes, signature))
    const signed = { sizeBytes: signature.length, leaf, valid: base ? signer !== undefined : null, keyId: signer ? keyIdOf(signer) : null }
    const content = manifest.cold ? undefined : imageDocument(image, base, map, options)
    session.out.result({ ok: true, kind: "artifact", file, manifest, signature: signed, image: content ?? null }, () =>
        [
            `artifact of version ${manifest.version} for base ${manifest.baseId}, ${bytes.length} bytes`,
            `  sequence ${manifest.sequence}, product ${manifest.productId}, ${manifest.notAfterUnixS ? `not after ${new Date(manifest.notAfterUnixS * 1000).toISOString()}` : "does not expire"}${manifest.downgradeAllowed ? ", downgrade allowed" : ""}${manifest.cold ? ", cold" : ""}`,
            `  signature of ${signature.length} bytes, leaf ${leaf}: ${base ? (signer ? `valid, by key ${keyIdOf(signer)}` : "NOT valid under the base's keys") : "not checked, for want of the base's bundle"}`,
            ...(content ? [formatImage(content)] : []),
        ].join("\n"),
    )
}

function inspectJson(session: Session, options: InspectOptions, file: string, text: string): void {
    const { out } = session
    if (looksLikeBaseBundle(text)) {
        const bundle = readBaseBundle(text)
        const { linked } = bundle
        const sizes = sizeReport(linked)
        const program = programDocument(linked.file, linked.debug, options)
        const hosts = linked.hosts.map(h => h.key)
        const about = { version: bundle.version, baseId: bundle.baseId, toolchain: bundle.toolchain, trustedKeys: bundle.trustedKeys.map(keyIdOf) }
        out.result({ ok: true, kind: "base", file, ...about, sizes, operations: linked.operations.length, hosts, ...program }, () =>
            [
                `base ${about.version}, id ${about.baseId}, made by handover ${about.toolchain}, trusts ${about.trustedKeys.join(", ") || "no key"}`,
                formatSizes(sizes),
                `${linked.operations.length} operations; ${hosts.length} functions can be replaced:`,
                ...hosts.map(h => `  ${h}`),
                formatProgram(program),
            ].join("\n"),
        )
        return
    }
    if (looksLikeDiff(text)) return inspectDiff(session, options, file, readDiffFile(text))
    if (!text.trimStart().startsWith("{"))
        throw new CliError("HOV_CLI_FILE_KIND", `${file} is none of these: a program (.devs), a base bundle, an artifact (.hoa), a script image, an image map, a diff`)
    const map = readImageMap(text)
    out.result({ ok: true, kind: "map", file, ...map }, () =>
        [
            `map of ${map.version}, sequence ${map.sequence}, for base ${map.baseId}; image ${map.imageDigest.slice(0, 16)}`,
            ...map.functions.map((f, i) => `  ${i} ${f.name}${f.path >= 0 ? ` (${map.paths[f.path]}, ${f.lines.length} lines)` : ""}`),
        ].join("\n"),
    )
}

function inspectDiff(session: Session, options: InspectOptions, file: string, diff: DiffFile): void {
    const title = `diff against base ${diff.baseVersion}, id ${diff.base}`
    if (!diff.ok) return session.out.result({ ...diff, file }, () => `${title}\n${formatRefusals(diff.refusals)}`)
    const bytes = new Uint8Array(Buffer.from(diff.image, "base64"))
    const { base } = symbolsOf(session, options, bytes)
    const content = imageDocument(bytes, base, diff.map, options)
    session.out.result({ ...diff, file, image: content }, () => [title, formatUpdate(diff), formatImage(content)].join("\n"))
}

function symbolsOf(session: Session, options: InspectOptions, image: Uint8Array): { base: BaseBundle | undefined; map: ImageMap | undefined } {
    const { config } = session
    const baseId = image.length >= 16 ? Buffer.from(image.subarray(8, 16)).toString("hex") : ""
    const base = options.base === undefined ? guessedBundle(session, () => findBundle(config.outDir, baseId)) : readBundles([options.base])[0]
    if (base && base.baseId !== baseId) throw new CliError("HOV_CLI_FILE_KIND", `the image is for base ${baseId}, the bundle of base ${base.baseId}: name the right one with --base`)
    const digest = createHash("sha256").update(image).digest("hex")
    const map = options.map === undefined ? findMap(config.outDir, m => m.imageDigest === digest) : readImageMap(readFileSync(options.map, "utf8"))
    return { base, map }
}

function debugOf(file: string, options: InspectOptions): DebugInfo | undefined {
    const beside = file.replace(/\.devs$/, "-dbg.json")
    const path = options.debug ?? (existsSync(beside) && beside !== file ? beside : undefined)
    if (path === undefined) return undefined
    const debug = JSON.parse(readFileSync(path, "utf8")) as DebugInfo
    if (!Array.isArray(debug?.functions) || !Array.isArray(debug.srcmap)) throw new CliError("HOV_CLI_FILE_KIND", `${path} holds no debug information of a program`)
    return debug
}
