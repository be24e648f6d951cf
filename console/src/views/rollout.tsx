/** One rollout: how far it is, whether it may go on, and what became of each device. */
import { useEffect, useState } from "preact/hooks"
import { part } from "../api.ts"
import type { Page, RolloutDocument, RolloutPlace } from "../documents.ts"
import { duration, number, percent, plural } from "../format.ts"
import { href } from "../router.ts"
import type { Session } from "../state/session.ts"
import { Card, Empty, Facts, Failure, Loading, PageHead, ReleaseLink, Shares, State, Time, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
import { Gate, PhaseRail, waitsFor } from "../ui/phase-rail.tsx"
import { RolloutActions } from "../ui/rollout-actions.tsx"
import { useDoing, useEvents, useLoaded } from "../ui/use.ts"
import { meaningOf, skipText, type Tone } from "../ui/words.ts"
import { targetText } from "./rollouts.tsx"

const STATES = ["failed", "rolledBack", "stuck", "granted", "waiting", "succeeded", "skipped", "reverting", "reverted"]

export function Rollout({ session, id }: { readonly session: Session; readonly id: string }) {
    const rollout = useLoaded(signal => session.api.get<RolloutDocument>(`/rollouts/${part(id)}`, {}, signal), [session, id])
    useTitle(rollout.value?.name ?? "Rollout")
    useEvents(session, event => event.rollout === id || event.type === "command.finished", rollout.again, 500)
    const shown = rollout.value
    if (rollout.error && shown === undefined) return <Failure error={rollout.error} again={rollout.again} />
    if (shown === undefined) return <Loading lines={8} />
    const total = Object.values(shown.devices).reduce((sum, n) => sum + n, 0)
    const waits = waitsFor(shown)
    return (
        <>
            <PageHead
                over={<a href={href("rollouts")}>Rollouts</a>}
                title={
                    <>
                        {shown.name} <State state={shown.state} />
                    </>
                }
            >
                <RolloutActions session={session} rollout={shown} onDone={rollout.again} />
            </PageHead>
            {rollout.error && <Failure error={rollout.error} again={rollout.again} />}
            {(shown.why || waits) && (
                <p class="hint" role="status">
                    {[waits && `It ${waits}.`, shown.why && `Last change: ${shown.why}.`].filter(Boolean).join(" ")}
                </p>
            )}
            <div class="grid">
                <Card title="Phases" wide>
                    <PhaseRail rollout={shown} />
                    <Shares label="Devices" parts={STATES.map(state => ({ name: meaningOf(state).label, value: shown.devices[state] ?? 0, tone: toneOf(state) }))} />
                    <p class="muted">
                        {plural(total, "device")} in the queue: {STATES.filter(state => shown.devices[state]).map(state => `${number(shown.devices[state])} ${meaningOf(state).label}`).join(", ") || "not counted yet"}.
                    </p>
                </Card>
                <Card title="Gate">
                    <Gate rollout={shown} />
                </Card>
                <Card title="Plan">
                    <Facts
                        items={[
                            ["Release", <ReleaseLink key="r" release={shown.release} />],
                            ["To", targetText(shown)],
                            ["On failure", { pause: "pauses", abort: "aborts", rollBack: "rolls back" }[shown.plan.onFailure] ?? shown.plan.onFailure],
                            ["Pace", shown.plan.ratePerMinute === null ? "no limit" : `${number(shown.plan.ratePerMinute)} a minute`],
                            ["Failure share that stops it", shown.plan.phases[shown.phase]?.failurePercent >= 100 ? "the gate decides" : shown.plan.phases[shown.phase] ? `over ${shown.plan.phases[shown.phase].failurePercent} % of at least ${shown.plan.phases[shown.phase].minFinished}` : "–"],
                            ["Control group", shown.plan.controlPercent === 0 ? "none" : `${shown.plan.controlPercent} %`],
                            ["Started", <><Time at={shown.createdAt} /> by {shown.createdBy}</>],
                        ]}
                    />
                </Card>
                <Places session={session} rollout={shown} />
            </div>
        </>
    )
}

const toneOf = (state: string): Tone => (state === "succeeded" || state === "reverted" ? "good" : meaningOf(state).tone)

function Places({ session, rollout }: { readonly session: Session; readonly rollout: RolloutDocument }) {
    const present = STATES.filter(state => rollout.devices[state])
    const [chosen, setChosen] = useState("")
    const state = present.includes(chosen) ? chosen : (present[0] ?? "")
    const [extra, setExtra] = useState<readonly RolloutPlace[]>([])
    const doing = useDoing()
    const route = `/rollouts/${part(rollout.id)}/devices`
    const places = useLoaded(signal => (state === "" ? Promise.resolve({ items: [], next: null }) : session.api.get<Page<RolloutPlace>>(route, { limit: 100, state }, signal)), [session, rollout.id, state])
    useEffect(() => setExtra([]), [rollout.id, state])
    useEffect(() => {
        if (places.value !== undefined) places.again()
    }, [rollout.devices[state]])
    const first = places.value?.items ?? []
    const known = new Set(first.map(one => one.device))
    const all = [...first, ...extra.filter(one => !known.has(one.device))]
    return (
        <Card title="Devices" wide>
            {present.length === 0 ? (
                <Empty title="The queue is being filled." />
            ) : (
                <div class="choice" role="group" aria-label="State of devices">
                    {present.map(name => (
                        <button key={name} type="button" aria-pressed={name === state} onClick={() => setChosen(name)}>
                            {meaningOf(name).label} <span>{number(rollout.devices[name])}</span>
                        </button>
                    ))}
                </div>
            )}
            {places.error && <Failure error={places.error} again={places.again} />}
            {all.length > 0 && (
                <Table
                    label="Devices of the rollout"
                    items={all}
                    keyOf={place => place.device}
                    columns={[
                        { name: "Device", cell: place => <a href={href("devices", place.device)}>{place.device}</a> },
                        { name: "State", cell: place => <State state={place.state} /> },
                        { name: "Why", cell: place => (place.why ? skipText(place.why) : "–") },
                        { name: "Ran before", cell: place => place.previous.version ?? "–" },
                        { name: "Granted", cell: place => <Time at={place.grantedAt} /> },
                        { name: "Took", cell: place => (place.grantedAt && place.finishedAt ? duration(Date.parse(place.finishedAt) - Date.parse(place.grantedAt)) : "–") },
                    ]}
                >
                    {all.length < (rollout.devices[state] ?? 0) && all.length >= 100 && (
                        <button type="button" disabled={doing.busy} onClick={() => doing.run(async () => setExtra([...extra, ...(await session.api.get<Page<RolloutPlace>>(route, { limit: 500, state, after: all.at(-1)?.device })).items]))}>
                            More ({percent(all.length, rollout.devices[state])} shown)
                        </button>
                    )}
                </Table>
            )}
            {doing.error && <Failure error={doing.error} />}
        </Card>
    )
}
