import { useMemo } from "preact/hooks"
import type { Page, ReleaseDocument } from "../documents.ts"
import { bytes, number } from "../format.ts"
import { href } from "../router.ts"
import type { Session } from "../state/session.ts"
import { useWatched } from "../state/store.ts"
import { Card, Empty, Failure, Loading, PageHead, Time, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
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
                    <Table
                        label="Releases"
                        items={items}
                        keyOf={release => release.id}
                        columns={[
                            { name: "Release", cell: release => <a href={href("releases", release.id)}>{release.id}</a> },
                            { name: "Notes", is: "clip", cell: release => release.notes || <span class="muted">–</span> },
                            { name: "Kind", cell: kindOf },
                            { name: "Bases", is: "number", cell: release => number(release.artifacts.length + release.bases.length) },
                            { name: "Image", is: "number", cell: sizes },
                            { name: "Devices run it", is: "number", cell: release => number(running.get(release.version) ?? 0) },
                            {
                                name: "Published",
                                cell: release => (
                                    <span>
                                        <Time at={release.createdAt} /> <span class="muted">by {release.createdBy}</span>
                                    </span>
                                ),
                            },
                        ]}
                    />
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
