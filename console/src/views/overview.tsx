/** The fleet at a glance: what needs somebody, what is under way, what runs where. */
import { useMemo, useState } from "preact/hooks"
import { part } from "../api.ts"
import type { FleetHistory, HandoverProgress, Page, RolloutDocument, RolloutSummary } from "../documents.ts"
import { number, percent, plural } from "../format.ts"
import { href, withQuery } from "../router.ts"
import type { Session } from "../state/session.ts"
import { useWatched } from "../state/store.ts"
import { Card, Empty, Failure, Loading, PageHead, ReleaseLink, State, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
import { Gate, PhaseRail, waitsFor } from "../ui/phase-rail.tsx"
import { RolloutActions } from "../ui/rollout-actions.tsx"
import { useEvents, useLoaded, useNow } from "../ui/use.ts"
import { VersionsChart } from "../ui/versions-chart.tsx"

const RANGES = [
    ["1 h", 1],
    ["6 h", 6],
    ["24 h", 24],
    ["7 d", 168],
    ["30 d", 720],
] as const
const COLORS = 8
const ACTIVE = new Set(["running", "paused", "rollingBack"])
const ACTIVE_SHOWN = 6
/** What is wrong with how many devices, behind their number. */
const TROUBLES: Readonly<Record<string, string>> = {
    blocked: "failed with a release that is not offered to them again by itself",
    gaveUp: "gave no answer in three attempts",
    noArtifact: "have a base that their release has no image for",
    noPermission: "have run a later sequence: the signer has to allow the way back",
}

export interface FleetCounts {
    readonly versions: Map<string, number>
    readonly syncs: Map<string, number>
    readonly silent: number
}

/** Figures of what is loaded, so that they move with the live events. */
export function countDevices(session: Session, nowMs: number): FleetCounts {
    const versions = new Map<string, number>()
    const syncs = new Map<string, number>()
    let silent = 0
    const { fleet } = session
    const silentMs = (fleet.figures?.silentAfterS ?? 150) * 1000
    const readMs = fleet.figures === undefined ? nowMs : Date.parse(fleet.figures.at)
    for (const device of fleet.devices.values()) {
        syncs.set(device.sync.state, (syncs.get(device.sync.state) ?? 0) + 1)
        if (device.actual === null) continue
        versions.set(device.actual.version, (versions.get(device.actual.version) ?? 0) + 1)
        // Polls without news make no event: silence is as of the last reading.
        if (device.actual.reportedAt !== null && readMs - Date.parse(device.actual.reportedAt) > silentMs) silent++
    }
    // The server has counted the versions; what else is shown grows until every device has been read.
    if (!fleet.complete && fleet.figures !== undefined) return { versions: new Map(fleet.figures.versions.map(({ name, devices }) => [name, devices])), syncs, silent }
    return { versions, syncs, silent }
}

export function Overview({ session }: { readonly session: Session }) {
    useTitle("Fleet")
    const revision = useWatched(session.fleet)
    const nowMs = useNow(30_000)
    const counts = useMemo(() => countDevices(session, nowMs), [revision, nowMs])
    const { fleet } = session
    const rollouts = useLoaded(signal => loadRollouts(session, signal), [session])
    useEvents(session, event => event.type.startsWith("rollout.") || event.type === "command.finished" || event.type === "device.desired", rollouts.again, 700)
    const handover = useLoaded(signal => session.api.get<HandoverProgress>("/server/handover", {}, signal), [session])
    if (fleet.error && fleet.devices.size === 0) return <Failure error={fleet.error} again={() => void fleet.read()} />
    if (fleet.figures === undefined) return <Loading lines={8} />
    if (fleet.figures.devices === 0 && fleet.devices.size === 0) return <NoDevices session={session} />
    return (
        <>
            <PageHead title="Fleet">
                {session.may("publish") && (
                    <a class="button" href={href("publish")}>
                        Publish
                    </a>
                )}
                {session.may("operate") && (
                    <a class="button primary" href={href("rollouts", "new")}>
                        Start a rollout
                    </a>
                )}
            </PageHead>
            <Figures session={session} counts={counts} />
            <Attention counts={counts} rollouts={rollouts.value?.active ?? []} handover={handover.value} />
            <div class="grid">
                <Card title="Rollouts under way" wide note={<a href={href("rollouts")}>All rollouts</a>}>
                    {rollouts.error && <Failure error={rollouts.error} again={rollouts.again} />}
                    {rollouts.value === undefined && !rollouts.error && <Loading />}
                    {rollouts.value?.active.length === 0 && (
                        <Empty title="No rollout is under way.">{rollouts.value.last && <>The last one, {rollouts.value.last.name}, is <State state={rollouts.value.last.state} />.</>}</Empty>
                    )}
                    {rollouts.value?.active.map(rollout => (
                        <article key={rollout.id} class="rollout-line">
                            <div class="head">
                                <h3>
                                    <a href={href("rollouts", rollout.id)}>{rollout.name}</a>
                                </h3>
                                <State state={rollout.state} />
                                <span class="muted">
                                    <ReleaseLink release={rollout.release} />
                                    {waitsFor(rollout) && ` ${waitsFor(rollout)}`}
                                    {rollout.why && ` (${rollout.why})`}
                                </span>
                                <RolloutActions session={session} rollout={rollout} onDone={rollouts.again} short />
                            </div>
                            <PhaseRail rollout={rollout} />
                            {rollout.gate && <Gate rollout={rollout} />}
                        </article>
                    ))}
                </Card>
                <Versions session={session} counts={counts} />
                <Card title="States" note={fleet.complete ? undefined : `reading ${number(fleet.devices.size)} of ${number(fleet.figures.devices)}`}>
                    <Table
                        label="States"
                        narrow
                        items={[...counts.syncs].sort((a, b) => b[1] - a[1])}
                        keyOf={([state]) => state}
                        columns={[
                            {
                                name: "State",
                                cell: ([state]) => (
                                    <a href={withQuery(href("devices"), { state })}>
                                        <State state={state} />
                                    </a>
                                ),
                            },
                            { name: "Devices", is: "number", cell: ([, devices]) => number(devices) },
                            { name: "Share", is: "number", cell: ([, devices]) => <span class="muted">{percent(devices, fleet.devices.size)}</span> },
                        ]}
                    />
                </Card>
            </div>
        </>
    )
}

async function loadRollouts(session: Session, signal: AbortSignal): Promise<{ active: RolloutDocument[]; last: RolloutSummary | undefined }> {
    const { items } = await session.api.get<Page<RolloutSummary>>("/rollouts", { limit: 50 }, signal)
    const active = items.filter(rollout => ACTIVE.has(rollout.state)).slice(0, ACTIVE_SHOWN)
    return { active: await Promise.all(active.map(rollout => session.api.get<RolloutDocument>(`/rollouts/${part(rollout.id)}`, {}, signal))), last: items[0] }
}

function Figures({ session, counts }: { readonly session: Session; readonly counts: FleetCounts }) {
    const { fleet } = session
    const sync = (...states: string[]): number => states.reduce((sum, state) => sum + (counts.syncs.get(state) ?? 0), 0)
    const total = Math.max(fleet.devices.size, fleet.complete ? 0 : (fleet.figures?.devices ?? 0))
    const wrong = sync("blocked", "gaveUp", "noArtifact", "noPermission")
    const tiles: [string, number, string, string][] = [
        ["devices", total, "", "quiet"],
        ["up to date", sync("converged"), "converged", "good"],
        ["on their way", sync("pending", "updating", "retrying", "cancelling"), "moving", "busy"],
        ["need a look", wrong, "wrong", wrong > 0 ? "bad" : "quiet"],
        ["silent", counts.silent, "silent", counts.silent > 0 ? "wait" : "quiet"],
    ]
    return (
        <ul class="figures" aria-label="The fleet in figures">
            {tiles.map(([label, value, state, tone]) => (
                <li key={label} class={tone}>
                    <a href={withQuery(href("devices"), { state })}>
                        <strong>
                            {number(value)}
                            {state !== "" && !fleet.complete && <span title="still reading">…</span>}
                        </strong>{" "}
                        <span>{label}</span>
                    </a>
                </li>
            ))}
        </ul>
    )
}

function Attention({ counts, rollouts, handover }: { readonly counts: FleetCounts; readonly rollouts: readonly RolloutDocument[]; readonly handover: HandoverProgress | undefined }) {
    const lines = [
        ...rollouts.filter(rollout => rollout.state === "paused").map(rollout => ({ key: rollout.id, link: href("rollouts", rollout.id), text: `${rollout.name} is paused${rollout.why ? `: ${rollout.why}` : ""}` })),
        ...rollouts.filter(rollout => rollout.state === "running" && rollout.waitsFor === "operator").map(rollout => ({ key: rollout.id, link: href("rollouts", rollout.id), text: `${rollout.name} waits for you to begin its next phase` })),
        ...Object.entries(TROUBLES).flatMap(([state, text]) => {
            const devices = counts.syncs.get(state) ?? 0
            return devices === 0 ? [] : [{ key: state, link: withQuery(href("devices"), { state }), text: `${plural(devices, "device")} ${text}` }]
        }),
    ]
    if (handover?.phase && handover.phase !== "done" && handover.phase !== "aborted") lines.unshift({ key: "handover", link: href("server"), text: `The server hands over: ${number(handover.moved)} of ${plural(handover.devices, "device")} moved` })
    if (lines.length === 0) return null
    return (
        <section class="attention" aria-label="Needs a look">
            <h2>Needs a look</h2>
            <ul>
                {lines.map(line => (
                    <li key={line.key}>
                        <a href={line.link}>{line.text}</a>
                    </li>
                ))}
            </ul>
        </section>
    )
}

function Versions({ session, counts }: { readonly session: Session; readonly counts: FleetCounts }) {
    const [hours, setHours] = useState(24)
    const history = useLoaded(signal => session.api.get<FleetHistory>("/fleet/history", { hours }, signal), [session, hours])
    const series = useMemo(() => {
        const versions = new Set([...(history.value?.versions ?? []), ...counts.versions.keys()])
        return [...versions].sort(byVersion.compare).map((version, index) => ({ version, color: (index % COLORS) + 1 }))
    }, [history.value, [...counts.versions.keys()].sort().join()])
    const total = [...counts.versions.values()].reduce((sum, n) => sum + n, 0)
    return (
        <Card
            title="Versions over time"
            note={
                <div class="choice" role="group" aria-label="Time shown">
                    {RANGES.map(([label, value]) => (
                        <button key={label} type="button" aria-pressed={hours === value} onClick={() => setHours(value)}>
                            {label}
                        </button>
                    ))}
                </div>
            }
        >
            {history.error && <Failure error={history.error} again={history.again} />}
            {history.value === undefined && !history.error && <Loading lines={5} />}
            {history.value && series.length === 0 && <Empty title="No device has reported yet." />}
            {history.value && series.length > 0 && <VersionsChart history={history.value} current={counts.versions} series={series} />}
            <ul class="legend">
                {[...series].reverse().map(({ version, color }) => (
                    <li key={version}>
                        <i class={`s${color}`} aria-hidden="true" />
                        <a href={withQuery(href("devices"), { version })}>{version}</a>
                        <span>{number(counts.versions.get(version) ?? 0)}</span>
                        <span class="muted">{percent(counts.versions.get(version) ?? 0, total)}</span>
                    </li>
                ))}
            </ul>
        </Card>
    )
}

const byVersion = new Intl.Collator("en", { numeric: true })

function NoDevices({ session }: { readonly session: Session }) {
    return (
        <>
            <PageHead title="Fleet" />
            <Empty title="There are no devices yet.">
                {session.may("operate") ? (
                    <>
                        <p>Add a board, or a simulated fleet for trying things:</p>
                        <pre>{"handover devices add bench-1 --app app --env .env.local\nhandover fleet --boards 100"}</pre>
                        <p>They appear here by themselves.</p>
                    </>
                ) : (
                    <p>Somebody with the role operator or admin adds them. They appear here by themselves.</p>
                )}
            </Empty>
        </>
    )
}
