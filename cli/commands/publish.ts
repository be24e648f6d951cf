import type { Command } from "commander"
import { readFileSync } from "node:fs"
import { parseArtifact } from "../../toolchain/format/artifact.ts"
import { type ApiClient, part } from "../api-client.ts"
import { CliError, ServerRefusal } from "../cli-error.ts"
import type { ArtifactDocument, ReleaseDocument } from "../../cloud/operator-api/documents.ts"
import type { ReleasedBase, ReleaseOptions } from "../make-release.ts"
import { table } from "../output.ts"
import { withProgress } from "../progress.ts"
import { readRefusals, readRelease, type ReleaseFile } from "../release-files.ts"
import { action, type Session } from "../session.ts"
import type { Refusal } from "../../toolchain/translate/refusal.ts"
import { checkVersion } from "../versions.ts"
import { formatRelease, releaseOptions } from "./release.ts"

/** As many as the server takes. */
const REASONS_MAX = 200

interface Options extends ReleaseOptions {
    readonly notes?: string
}

export function addPublish(program: Command): void {
    releaseOptions(
        program
            .command("publish <version>")
            .summary("send a release to the server; builds it first when that was not done")
            .description(
                "Sends the artifacts in OUT/releases/VERSION/ to the server; without any, builds and signs them as \"release\" does.\n" +
                    "Boards get it when somebody asks for it: see \"trigger\" and \"rollouts\". Sending it again is harmless.\n" +
                    "With --allow-downgrade, a release that is there already is signed once more: boards may go back to it.",
            )
            .option("--notes <text>", "what is new in it"),
    ).action(action(publish))
}

/** The whole toolchain: not loaded to send what is built already. */
const builder = () => import("../make-release.ts")

async function publish(session: Session, options: Options, version: string): Promise<void> {
    const { config, out } = session
    checkVersion(version)
    const api = options.dryRun ? undefined : session.api()
    let built: ReleasedBase[] = []
    if (options.force || options.dryRun || !readRelease(config.outDir, version).length) built = await (await builder()).makeRelease(session, version, options)
    if (!api) {
        out.result({ ok: true, app: config.app, version, dryRun: true, artifacts: built }, () => formatRelease(version, built))
        return
    }
    if (options.allowDowngrade && !built.length) await (await builder()).signWayBack(session, version, options)
    const files = readRelease(config.outDir, version)
    if (!files.length) throw new CliError("HOV_CLI_RELEASE_MISSING", `there is nothing of version ${version} to publish`)
    checkFiles(files, version)
    const name = `${config.app}@${version}`
    await checkSequences(api, config.app, name, files)
    const artifacts = await withProgress(out, `Publish ${name} to ${api.url}`, async tell => {
        try {
            await api.call("POST", "/releases", { app: config.app, version, ...(options.notes === undefined ? {} : { notes: options.notes }) })
        } catch (e) {
            if (!(e instanceof ServerRefusal) || e.code !== "HOV_API_RELEASE_EXISTS") throw e
        }
        const uploaded: ArtifactDocument[] = []
        for (const [i, file] of files.entries()) {
            tell(`artifact ${i + 1} of ${files.length}`)
            uploaded.push(await api.call<ArtifactDocument>("POST", `/releases/${part(name)}/artifacts`, file.bytes))
        }
        for (const { map } of files) await uploadMap(session, api, name, map)
        for (const { base, refusals } of readRefusals(config.outDir, version)) await uploadRefusals(session, api, name, base, refusals)
        return uploaded
    })
    out.result({ ok: true, app: config.app, version, release: name, server: api.url, artifacts }, () =>
        [
            `${name} is published`,
            table(
                artifacts.map(a => [a.base, a.sequence, a.imageBytes, a.image.slice(0, 16)]),
                ["base", "sequence", "bytes", "image"],
            ),
            `update a board with: handover trigger DEVICE ${version}`,
        ].join("\n"),
    )
}

function checkFiles(files: readonly ReleaseFile[], version: string): void {
    for (const { file, bytes } of files) {
        const { manifest } = parseArtifact(bytes)
        if (manifest.version !== version) throw new CliError("HOV_CLI_FILE_KIND", `${file} is of version ${manifest.version}, not ${version}`)
    }
}

/** With the map the server names lines in diagnostics too. A server that knows no maps does without. */
async function uploadMap({ out }: Session, api: ApiClient, name: string, mapFile: string | undefined): Promise<void> {
    if (mapFile === undefined) return
    try {
        await api.call("POST", `/releases/${part(name)}/maps`, new Uint8Array(readFileSync(mapFile)))
    } catch (e) {
        if (!(e instanceof ServerRefusal) || e.code !== "HOV_API_ROUTE_UNKNOWN") throw e
        if (out.verbose) out.note("the server takes no maps")
    }
}

/** What the builder refused for a base is shown with the release. A server that does not know this does without. */
async function uploadRefusals({ out }: Session, api: ApiClient, name: string, base: string, refusals: readonly Refusal[]): Promise<void> {
    const reasons = refusals.slice(0, REASONS_MAX).map(({ code, functionName, location, detail, fix }) => ({
        code,
        functionName: functionName.slice(0, 200),
        location: location.slice(0, 300),
        detail: detail.slice(0, 1_000),
        fix: fix.slice(0, 1_000),
    }))
    try {
        await api.call("POST", `/releases/${part(name)}/refusals`, { base, reasons })
    } catch (e) {
        if (!(e instanceof ServerRefusal) || e.code !== "HOV_API_ROUTE_UNKNOWN") throw e
        if (out.verbose) out.note("the server takes no refusals")
    }
}

/** Another machine may have published meanwhile: boards refuse what is not above the sequence that they run. */
async function checkSequences(api: ApiClient, app: string, name: string, files: readonly ReleaseFile[]): Promise<void> {
    const releases = await api.list<ReleaseDocument>(`/releases?app=${encodeURIComponent(app)}`)
    const others = releases.filter(r => r.id !== name)
    const sentBefore = releases.find(r => r.id === name)?.artifacts.map(a => a.base) ?? []
    for (const { artifact } of files) {
        const { baseId, sequence, downgradeAllowed } = artifact.manifest
        if (downgradeAllowed || sentBefore.includes(baseId)) continue
        const higher = others.flatMap(r => r.artifacts.map(a => ({ ...a, release: r.id }))).find(a => a.base === baseId && a.sequence >= sequence)
        if (higher)
            throw new CliError(
                "HOV_CLI_SEQUENCE",
                `${higher.release} has sequence ${higher.sequence} for base ${baseId}, this has ${sequence}: boards that run it would refuse this. ` +
                    `Build it again with --sequence ${higher.sequence + 1} --force`,
            )
    }
}
