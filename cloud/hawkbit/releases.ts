/** Releases as software modules with our files, and distribution sets of one module each. */
import type { Repos } from "../store/store.ts"
import { BASE_RELEASE } from "../ids.ts"
import { HawkbitRefused } from "./http.ts"
import type { Artifact } from "./remote.ts"
import type { Work } from "./work.ts"
import { noting, remoteName } from "./work.ts"

/** A release's files: name there → digest of a blob, or bytes that are no blob. */
type Files = Map<string, { readonly digest: string } | { readonly bytes: Uint8Array }>

/** Everything of a release that a board or a builder may ask for. */
async function filesOf(repos: Repos, releaseId: string): Promise<Files> {
    const files: Files = new Map()
    for (const artifact of await repos.releases.artifacts([releaseId])) {
        files.set(`${artifact.baseId}.image`, { digest: artifact.imageDigest })
        files.set(`${artifact.baseId}.signature`, { digest: artifact.signatureDigest })
        // A file for DDI devices has none, and hawkBit takes no empty one.
        if (artifact.manifest !== "") files.set(`${artifact.baseId}.manifest`, { bytes: Buffer.from(artifact.manifest, "hex") })
    }
    for (const permission of await repos.releases.permissions([releaseId])) {
        files.set(`${permission.baseId}.permission`, { digest: permission.signatureDigest })
        files.set(`${permission.baseId}.permission.manifest`, { bytes: Buffer.from(permission.manifest, "hex") })
    }
    for (const base of await repos.releases.bases([releaseId])) files.set(`${base.baseId}.base.json`, { digest: base.bundleDigest })
    for (const map of await repos.releases.maps([releaseId])) files.set(`${map.baseId}.${map.imageDigest.slice(0, 16)}.map.json`, { digest: map.blobDigest })
    return files
}

/** Brings hawkBit up to what the release has; returns its set there, or undefined when there is no such release. */
export async function pushRelease(work: Work, releaseId: string): Promise<number | undefined> {
    const { store, remote, options } = work
    const release = await store.read.releases.get(releaseId)
    if (release === undefined) return undefined
    const { name, version } = remoteName(options.prefix, releaseId)
    const moduleId = await found(work, "module", releaseId, async () => (await remote.findModule(name, version)) ?? remote.createModule(name, version, release.notes.slice(0, 500)))
    const files = await filesOf(store.read, releaseId)
    if (files.size > 0) await pushFiles(work, releaseId, moduleId, files)
    return found(work, "set", releaseId, async () => (await remote.findSet(name, version)) ?? remote.createSet(name, version, moduleId))
}

/** The release's set there, which is made when there is none. */
export async function setOf(work: Work, releaseId: string): Promise<number | undefined> {
    const known = await work.store.read.hawkbit.link("set", releaseId)
    return known === undefined ? pushRelease(work, releaseId) : Number(known)
}

async function found(work: Work, kind: "module" | "set", releaseId: string, look: () => Promise<number>): Promise<number> {
    const known = await work.store.read.hawkbit.link(kind, releaseId)
    if (known !== undefined) return Number(known)
    const id = await look()
    await work.store.write(repos => repos.hawkbit.setLink(kind, releaseId, String(id)))
    return id
}

/** One that hawkBit does not take is the operator's to look at; the release is assigned without it. */
async function pushFiles(work: Work, releaseId: string, moduleId: number, files: Files): Promise<void> {
    const { remote, place } = work
    const there = new Map((await remote.artifacts(moduleId)).map(({ filename, sha256 }) => [filename, sha256]))
    for (const [filename, file] of files)
        await noting(work, `${filename} of ${releaseId}`, async () => {
            const known = there.get(filename)
            if (known !== undefined) {
                if ("digest" in file && known !== file.digest) throw new HawkbitRefused(`${filename} of module ${moduleId}`, 409, `it has other bytes there: ${known}`)
                return
            }
            const bytes = "bytes" in file ? file.bytes : await place.get(file.digest)
            // Another server process may have it; what hawkBit lacks then stays a thing to look at.
            if (bytes === undefined) throw new HawkbitRefused(`${filename} of module ${moduleId}`, 404, "its bytes are not here")
            await remote.upload(moduleId, filename, bytes)
        })
}

/** The module that has a blob, by what the database says. */
export async function findBlob(work: Pick<Work, "store" | "remote" | "options">, digest: string): Promise<{ moduleId: number; artifact: Artifact } | undefined> {
    const releaseId = await work.store.read.releases.ownerOf(digest)
    if (releaseId === undefined || releaseId === BASE_RELEASE) return undefined
    const { name, version } = remoteName(work.options.prefix, releaseId)
    const moduleId = await work.remote.findModule(name, version)
    if (moduleId === undefined) return undefined
    const artifact = (await work.remote.artifacts(moduleId)).find(({ sha256 }) => sha256 === digest)
    return artifact === undefined ? undefined : { moduleId, artifact }
}
