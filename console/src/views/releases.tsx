import { useMemo } from "preact/hooks"
import type { Page, ReleaseDocument } from "../documents.ts"
import { bytes, number } from "../format.ts"
import { href } from "../router.ts"
import type { Session } from "../state/session.ts"
import { useWatched } from "../state/store.ts"
import { Card, Empty, Failure, Loading, PageHead, Time, useTitle } from "../ui/parts.tsx"
import { useEvents, useLoaded } from "../ui/use.ts"

export function Releases({ session }: { readonly session: Session }) {
    useTitle("Releases")
    const releases = useLoaded(signal => session.api.get<Page<ReleaseDocument>>("/releases", { limit: 500 }, signal), [session])
    useEvents(session, event => event.type === "release.created" || event.type === "artifact.added", releases.again)
    const revision = useWatched(session.fleet)
    const running = useMemo(() => {
        const counts = new Map<string, number>()
        for (const { actual } of session.fleet.devices.values()) if (actual) counts.set(actual.version, (counts.get(actual.version) ?? 0) + 1)
        return counts
    }, [revision])
    const items = [...(releases.value?.items ?? [])].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
    return (
        <>
            <PageHead title="Releases">
                {session.may("publish") && (
                    <a class="button primary" href={href("publish")}>
                        Publish
                    </a>
                )}
            </PageHead>
            {releases.error && <Failure error={releases.error} again={releases.again} />}
            {releases.value === undefined && !releases.error && <Loading lines={8} />}
            {releases.value && items.length === 0 && (
                <Empty title="Nothing has been published yet.">
                    <p>Build and sign a version, and send it here:</p>
                    <pre>handover publish 1.1.0</pre>
                </Empty>
            )}
            {items.length > 0 && (
                <Card title="All releases" wide note={`${number(items.length)}, newest first`}>
                    <div class="scroll" tabIndex={0} role="region" aria-label="Releases, scrollable">
                        <table class="plain">
                            <thead>
                                <tr>
                                    <th scope="col">Release</th>
                                    <th scope="col">Notes</th>
                                    <th scope="col">Kind</th>
                                    <th scope="col" class="n">
                                        Bases
                                    </th>
                                    <th scope="col" class="n">
                                        Image
                                    </th>
                                    <th scope="col" class="n">
                                        Devices run it
                                    </th>
                                    <th scope="col">Published</th>
                                </tr>
                            </thead>
                            <tbody>
                                {items.map(release => (
                                    <tr key={release.id}>
                                        <td>
                                            <a href={href("releases", release.id)}>{release.id}</a>
                                        </td>
                                        <td class="clip">{release.notes || <span class="muted">–</span>}</td>
                                        <td>{kindOf(release)}</td>
                                        <td class="n">{number(release.artifacts.length + release.bases.length)}</td>
                                        <td class="n">{sizes(release)}</td>
                                        <td class="n">{number(running.get(release.version) ?? 0)}</td>
                                        <td>
                                            <Time at={release.createdAt} /> <span class="muted">by {release.createdBy}</span>
                                        </td>
                                    </tr>
                                ))}
                            </tbody>
                        </table>
                    </div>
                </Card>
            )}
        </>
    )
}

export function kindOf(release: ReleaseDocument): string {
    const kinds = [release.artifacts.some(artifact => !artifact.cold) ? "hot" : "", release.artifacts.some(artifact => artifact.cold) ? "cold" : "", release.bases.length > 0 ? "base" : ""].filter(Boolean)
    return kinds.join(", ") || "empty"
}

function sizes({ artifacts }: ReleaseDocument): string {
    if (artifacts.length === 0) return "–"
    const all = artifacts.map(artifact => artifact.imageBytes)
    const [least, most] = [Math.min(...all), Math.max(...all)]
    return least === most ? bytes(least) : `${bytes(least)} to ${bytes(most)}`
}
