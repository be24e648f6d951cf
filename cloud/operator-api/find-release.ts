import { BASE_RELEASE, parseReleaseName, releaseId } from "../ids.ts"
import { Problem } from "../problems.ts"
import type { ReleaseRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"

/**
 * Finds `base` (the board's own code), `app@version`, or a version alone: of the device's app when that is known,
 * else of the only app that has it.
 * @throws Problem HOV_API_RELEASE_UNKNOWN, HOV_API_RELEASE_AMBIGUOUS
 */
export async function findRelease(repos: Repos, text: string, appOfDevice: string | null = null): Promise<ReleaseRow> {
    if (text === BASE_RELEASE) {
        const base = await repos.releases.get(BASE_RELEASE)
        if (base !== undefined) return base
    }
    const name = parseReleaseName(text)
    const app = name.app ?? appOfDevice
    if (app !== null) {
        const release = await repos.releases.get(releaseId(app, name.version))
        if (release === undefined) throw unknown(releaseId(app, name.version))
        return release
    }
    const [release, other] = await repos.releases.withVersion(name.version)
    if (release === undefined) throw unknown(name.version)
    if (other !== undefined)
        throw new Problem("HOV_API_RELEASE_AMBIGUOUS", `${release.id} and ${other.id} have version ${name.version}`)
    return release
}

/** A release that something can be uploaded for. @throws Problem HOV_API_RELEASE_UNKNOWN */
export async function findOwnRelease(repos: Repos, text: string): Promise<ReleaseRow> {
    const release = await findRelease(repos, text)
    if (release.kind === "base") throw unknown(text)
    return release
}

const unknown = (text: string): Problem => new Problem("HOV_API_RELEASE_UNKNOWN", `there is no release ${text}`)
