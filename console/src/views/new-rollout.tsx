/** A rollout before it starts: who would get it, in which phase, and who would not. */
import { useEffect, useMemo, useState } from "preact/hooks"
import type { FleetFigures, Group, Page, Preview, ReleaseDocument, RolloutDocument } from "../documents.ts"
import { number, percent, plural } from "../format.ts"
import { go, href, type Place } from "../router.ts"
import type { Session } from "../state/session.ts"
import { Card, Empty, Failure, Loading, PageHead, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
import { useDoing, useLoaded, useRested } from "../ui/use.ts"
import { skipText } from "../ui/words.ts"

interface PhaseRow {
    readonly percent: string
    readonly soakMin: string
    readonly manual: boolean
}

const FIRST_PHASES: readonly PhaseRow[] = [
    { percent: "1", soakMin: "60", manual: true },
    { percent: "20", soakMin: "10", manual: false },
    { percent: "100", soakMin: "0", manual: false },
]

export function NewRollout({ session, place }: { readonly session: Session; readonly place: Place }) {
    useTitle("Start a rollout")
    const releases = useLoaded(signal => session.api.get<Page<ReleaseDocument>>("/releases", { limit: 500 }, signal), [session])
    const groups = useLoaded(signal => session.api.get<Page<Group>>("/groups", { limit: 500 }, signal), [session])
    const fleet = useLoaded(signal => session.api.get<FleetFigures>("/fleet", {}, signal), [session])
    const newest = useMemo(() => [...(releases.value?.items ?? [])].filter(release => release.artifacts.length + release.bases.length > 0).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1)), [releases.value])
    const [release, setRelease] = useState(place.query.get("release") ?? "")
    const [name, setName] = useState("")
    const [group, setGroup] = useState("")
    const [channel, setChannel] = useState("")
    const [filter, setFilter] = useState("")
    const [phases, setPhases] = useState(FIRST_PHASES)
    const [gate, setGate] = useState(true)
    const [baseline, setBaseline] = useState("1")
    const [onFailure, setOnFailure] = useState("pause")
    const [rate, setRate] = useState("")
    useEffect(() => {
        if (release === "" && newest.length > 0) setRelease(newest[0].id)
    }, [newest])
    const order = {
        release,
        ...(group ? { group } : {}),
        ...(channel ? { channel } : {}),
        ...(filter.trim() ? { filter: filter.trim() } : {}),
        phases: phases.map(phase => ({ percent: Number(phase.percent), ...(Number(phase.soakMin) > 0 ? { soakS: Math.round(Number(phase.soakMin) * 60) } : {}), ...(phase.manual ? { manual: true } : {}) })),
        ...(gate ? { gate: { baselinePercent: Number(baseline) } } : {}),
        onFailure,
        ...(Number(rate) > 0 ? { ratePerMinute: Math.round(Number(rate)) } : {}),
    }
    const rested = useRested(JSON.stringify(order))
    const preview = useLoaded(signal => (release === "" ? new Promise<Preview>(() => {}) : session.api.send<Preview>("POST", "/rollouts/preview", JSON.parse(rested), signal)), [session, rested])
    const fresh = rested === JSON.stringify(order) ? preview.value : undefined
    const doing = useDoing()
    const start = (): void =>
        doing.run(async () => {
            const made = await session.api.send<RolloutDocument>("POST", "/rollouts", { ...order, ...(name.trim() ? { name: name.trim() } : {}), seed: fresh?.seed })
            go(href("rollouts", made.id))
        })
    const setPhase = (index: number, change: Partial<PhaseRow>): void => setPhases(phases.map((phase, n) => (n === index ? { ...phase, ...change } : phase)))
    if (!session.may("operate")) return <Empty title="Starting a rollout needs the role operator or admin.">You are signed in as {session.me.role}.</Empty>
    return (
        <>
            <PageHead over={<a href={href("rollouts")}>Rollouts</a>} title="Start a rollout" />
            <div class="grid order">
                <form
                    class="card"
                    aria-label="Plan"
                    onSubmit={event => {
                        event.preventDefault()
                        start()
                    }}
                >
                    <fieldset>
                        <legend>What</legend>
                        <label class="full">
                            <span>Release</span>
                            <select value={release} required onChange={event => setRelease(event.currentTarget.value)}>
                                {release === "" && <option value="">no release yet</option>}
                                {newest.map(one => (
                                    <option key={one.id} value={one.id}>
                                        {one.id}
                                        {one.notes ? `: ${one.notes.slice(0, 60)}` : ""}
                                    </option>
                                ))}
                                <option value="base">the base's own code</option>
                            </select>
                        </label>
                        <label>
                            <span>Name</span>
                            <input value={name} maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9 ._\-]*" placeholder="its id when empty" onInput={event => setName(event.currentTarget.value)} />
                        </label>
                    </fieldset>
                    <fieldset>
                        <legend>To whom</legend>
                        <label>
                            <span>Channel</span>
                            <select value={channel} onChange={event => setChannel(event.currentTarget.value)}>
                                <option value="">any</option>
                                {(fleet.value?.channels ?? []).filter(one => one.name !== "").map(one => (
                                    <option key={one.name} value={one.name}>
                                        {one.name} ({number(one.devices)})
                                    </option>
                                ))}
                            </select>
                        </label>
                        <label>
                            <span>Group</span>
                            <select value={group} onChange={event => setGroup(event.currentTarget.value)}>
                                <option value="">all devices</option>
                                {(groups.value?.items ?? []).map(one => (
                                    <option key={one.name} value={one.name}>
                                        {one.name}
                                        {one.filter ? ` (${one.filter})` : ""}
                                    </option>
                                ))}
                            </select>
                        </label>
                        <label class="full">
                            <span>Filter</span>
                            <input class="code" value={filter} maxLength={1000} placeholder="attr.site = lab and not version ~ 0.*" spellcheck={false} onInput={event => setFilter(event.currentTarget.value)} />
                        </label>
                    </fieldset>
                    <fieldset>
                        <legend>Phases</legend>
                        <ol class="phase-rows">
                            {phases.map((phase, index) => (
                                <li key={index}>
                                    <label>
                                        <span>Up to, %</span>
                                        <input type="number" min="0.01" max="100" step="any" required value={phase.percent} aria-label={`Phase ${index + 1}: up to percent`} onInput={event => setPhase(index, { percent: event.currentTarget.value })} />
                                    </label>
                                    <label>
                                        <span>Soak, min</span>
                                        <input type="number" min="0" max="43200" step="any" value={phase.soakMin} aria-label={`Phase ${index + 1}: soak minutes`} onInput={event => setPhase(index, { soakMin: event.currentTarget.value })} />
                                    </label>
                                    <label class="check">
                                        <input type="checkbox" checked={phase.manual} aria-label={`Phase ${index + 1}: wait for me after it`} onChange={event => setPhase(index, { manual: event.currentTarget.checked })} /> then wait for me
                                    </label>
                                    <button type="button" class="quiet" disabled={phases.length === 1} aria-label={`Remove phase ${index + 1}`} onClick={() => setPhases(phases.filter((_, n) => n !== index))}>
                                        Remove
                                    </button>
                                </li>
                            ))}
                        </ol>
                        <button type="button" disabled={phases.length >= 20} onClick={() => setPhases([...phases, { percent: "100", soakMin: "0", manual: false }])}>
                            Add a phase
                        </button>
                    </fieldset>
                    <fieldset>
                        <legend>When it goes wrong</legend>
                        <label class="check">
                            <input type="checkbox" checked={gate} onChange={event => setGate(event.currentTarget.checked)} /> Stop by a sequential test (gate)
                        </label>
                        {gate && (
                            <label>
                                <span>Failures that are fine, %</span>
                                <input type="number" min="0" max="90" step="any" value={baseline} onInput={event => setBaseline(event.currentTarget.value)} />
                            </label>
                        )}
                        <label>
                            <span>Then</span>
                            <select value={onFailure} onChange={event => setOnFailure(event.currentTarget.value)}>
                                <option value="pause">pause</option>
                                <option value="abort">abort</option>
                                <option value="rollBack">roll back</option>
                            </select>
                        </label>
                        <label>
                            <span>At most a minute</span>
                            <input type="number" min="1" max="1000000" step="1" value={rate} placeholder="no limit" onInput={event => setRate(event.currentTarget.value)} />
                        </label>
                    </fieldset>
                    {doing.error && <Failure error={doing.error} />}
                    <div class="actions">
                        <button type="submit" class="primary" disabled={doing.busy || fresh === undefined || fresh.devices === 0}>
                            {fresh ? `Start: ${plural(fresh.phases[0]?.devices ?? 0, "device")} first` : "Start"}
                        </button>
                        <a class="button" href={href("rollouts")}>
                            Leave it
                        </a>
                    </div>
                </form>
                <Card title="Who would get it">
                    {releases.value && newest.length === 0 && release === "" && <Empty title="There is no release to roll out yet." />}
                    {preview.error && <Failure error={preview.error} again={preview.again} />}
                    {preview.value === undefined && !preview.error && release !== "" && <Loading lines={6} />}
                    {preview.value && <PreviewShown preview={preview.value} stale={fresh === undefined} />}
                </Card>
            </div>
        </>
    )
}

function PreviewShown({ preview, stale }: { readonly preview: Preview; readonly stale: boolean }) {
    return (
        <div class={stale ? "preview stale" : "preview"} aria-busy={stale}>
            <p role="status">
                <strong class="big">{number(preview.served)}</strong> of {plural(preview.devices, "device")} would get <strong>{preview.release === "base" ? "the base's own code" : preview.release}</strong>.
            </p>
            {preview.devices === 0 && <Empty title="Nobody is meant. Widen the target." />}
            {preview.served > 0 && (
                <Table
                    label="Phases of the preview"
                    items={preview.phases}
                    keyOf={(_, index) => index}
                    columns={[
                        { name: "Phase", cell: phase => (phase.percent === null ? `${phase.count} devices` : `${phase.percent} %`) },
                        { name: "Devices", is: "number", cell: phase => number(phase.devices) },
                        { name: "In all", is: "number", cell: phase => number(phase.total) },
                        {
                            name: "First of them",
                            is: "names",
                            cell: phase => (
                                <span>
                                    {phase.first.slice(0, 5).map(device => (
                                        <a key={device.id} href={href("devices", device.id)}>
                                            {device.id}
                                        </a>
                                    ))}
                                    {phase.devices > 5 && <span class="muted">and {number(phase.devices - 5)} more</span>}
                                </span>
                            ),
                        },
                    ]}
                />
            )}
            {preview.left > 0 && <p class="muted">{plural(preview.left, "device")} would not be reached: the last phase or the control group leaves them out.</p>}
            {preview.versions.length > 0 && (
                <>
                    <h3>They run now</h3>
                    <ul class="lines">
                        {preview.versions.map(({ version, devices }) => (
                            <li key={version}>
                                {version} <span class="muted">{plural(devices, "device")}, {percent(devices, preview.served)}</span>
                            </li>
                        ))}
                    </ul>
                </>
            )}
            {preview.skipped.length > 0 && (
                <>
                    <h3>Passed over</h3>
                    <ul class="lines">
                        {preview.skipped.map(({ reason, devices, first }) => (
                            <li key={reason}>
                                {plural(devices, "device")} {skipText(reason)}{" "}
                                <span class="names muted">
                                    {first.slice(0, 3).map(device => (
                                        <a key={device.id} href={href("devices", device.id)}>
                                            {device.id}
                                        </a>
                                    ))}
                                </span>
                            </li>
                        ))}
                    </ul>
                </>
            )}
        </div>
    )
}
