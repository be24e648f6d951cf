import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { type Artifact, parseArtifact } from "../toolchain/format/artifact.ts"
import { parseColdImage } from "../toolchain/format/cold-image.ts"
import type { Refusal } from "../toolchain/translate/refusal.ts"
import { encodeImageMap, type ImageMap, readImageMap } from "../toolchain/pack/image-map.ts"

/**
 * What "handover release" leaves in the build folder:
 *
 * ```
 *  OUT/releases/VERSION/BASEID.hoa        signed artifact for one base
 *  OUT/releases/VERSION/BASEID.back.hoa   the same image, signed with leave to go back to it
 *  OUT/releases/VERSION/BASEID.map.json   its map, for diagnostics
 *  OUT/releases/VERSION/BASEID.refused.json  why it has nothing for this base (--skip-refused)
 *  OUT/bases/BASEID.json                  bundles of all bases built here
 * ```
 */
export interface ReleaseFile {
    readonly file: string
    readonly bytes: Uint8Array
    readonly artifact: Artifact
    /** file of its map; a way back has none of its own */
    readonly map: string | undefined
}

const refusedEnd = ".refused.json"

export function releaseFolder(outDir: string, version: string): string {
    return join(outDir, "releases", version)
}

export function artifactFile(outDir: string, version: string, baseId: string): string {
    return join(releaseFolder(outDir, version), `${baseId}.hoa`)
}

export const isWayBack = (file: string): boolean => file.endsWith(".back.hoa")

export function writeWayBack(file: string, artifact: Uint8Array): void {
    writeFileSync(file.replace(/\.hoa$/, ".back.hoa"), artifact)
}

export function writeRelease(outDir: string, version: string, baseId: string, artifact: Uint8Array, map: ImageMap): { artifact: string; map: string } {
    mkdirSync(releaseFolder(outDir, version), { recursive: true })
    const file = artifactFile(outDir, version, baseId)
    const mapFile = file.replace(/\.hoa$/, ".map.json")
    writeFileSync(mapFile, encodeImageMap(map))
    writeFileSync(file, artifact)
    return { artifact: file, map: mapFile }
}

/** Why a version has no image for a base: the server shows it to who wonders. */
export function writeRefusals(outDir: string, version: string, baseId: string, refusals: readonly Refusal[]): void {
    mkdirSync(releaseFolder(outDir, version), { recursive: true })
    writeFileSync(join(releaseFolder(outDir, version), `${baseId}${refusedEnd}`), `${JSON.stringify(refusals, undefined, 4)}\n`)
}

/** Refusals by base; a base that got an image after all has none. */
export function readRefusals(outDir: string, version: string): { base: string; refusals: Refusal[] }[] {
    return filesIn(releaseFolder(outDir, version), refusedEnd)
        .map(file => ({ base: basename(file, refusedEnd), refusals: JSON.parse(readFileSync(file, "utf8")) as Refusal[] }))
        .filter(({ base }) => !existsSync(artifactFile(outDir, version, base)))
}

/** The artifacts of a version, ways back last; none when it has not been built here. */
export function readRelease(outDir: string, version: string): ReleaseFile[] {
    const files = filesIn(releaseFolder(outDir, version), ".hoa").map((file): ReleaseFile => {
        const bytes = new Uint8Array(readFileSync(file))
        const map = file.replace(/\.hoa$/, ".map.json")
        return { file, bytes, artifact: parseArtifact(bytes), map: existsSync(map) ? map : undefined }
    })
    return [...files.filter(f => !isWayBack(f.file)), ...files.filter(f => isWayBack(f.file))]
}

/** The highest sequence that was given to an image for this base here; 0 for none. */
export function highestSequence(outDir: string, baseId: string): number {
    let highest = 0
    // A board keeps its count when it gets another base, so the cold release that brought this one counts too.
    for (const version of namesIn(join(outDir, "releases")))
        for (const { artifact } of readRelease(outDir, version))
            if (artifact.manifest.baseId === baseId || (artifact.manifest.cold && parseColdImage(artifact.image).baseId === baseId)) highest = Math.max(highest, artifact.manifest.sequence)
    return highest
}

/** The release of the highest sequence that was built here for this base, or that of a version. */
export function newestFor(outDir: string, baseId: string, version?: string): ReleaseFile | undefined {
    let best: ReleaseFile | undefined
    for (const name of version === undefined ? namesIn(join(outDir, "releases")) : [version])
        for (const release of readRelease(outDir, name)) {
            const { manifest } = release.artifact
            if (manifest.baseId === baseId && !isWayBack(release.file) && manifest.sequence > (best?.artifact.manifest.sequence ?? 0)) best = release
        }
    return best
}

/** The map of an image that was built here. */
export function findMap(outDir: string, isWanted: (map: ImageMap) => boolean): ImageMap | undefined {
    for (const version of namesIn(join(outDir, "releases")))
        for (const file of filesIn(releaseFolder(outDir, version), ".map.json")) {
            const map = readImageMap(readFileSync(file, "utf8"))
            if (isWanted(map)) return map
        }
    return undefined
}

function namesIn(folder: string): string[] {
    return existsSync(folder) ? readdirSync(folder).sort() : []
}

function filesIn(folder: string, end: string): string[] {
    return namesIn(folder)
        .filter(name => name.endsWith(end))
        .map(name => join(folder, name))
}
