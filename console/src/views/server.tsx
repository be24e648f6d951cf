/** The server itself: its handover to another one, and who changed what. */
import { useEffect, useState } from "preact/hooks"
import type { AuditEntry, HandoverProgress, Page } from "../documents.ts"
import { number, percent } from "../format.ts"
import type { Session } from "../state/session.ts"
import { Card, ConfirmButton, Empty, Facts, Failure, Loading, PageHead, State, Time, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
import { Bar } from "../ui/phase-rail.tsx"
import { useDoing, useEvents, useLoaded } from "../ui/use.ts"

const PHASES = ["preparing", "copying", "moving", "finishing", "done"]
const OVER = new Set<string | null>([null, "done", "aborted"])
const FAST_MS = 500
const SLOW_MS = 5_000

export function Server({ session }: { readonly session: Session }) {
    useTitle("Server")
    const handover = useLoaded(signal => session.api.get<HandoverProgress>("/server/handover", {}, signal), [session])
    const audit = useLoaded(signal => session.api.get<Page<AuditEntry>>("/audit", { limit: 50 }, signal), [session])
    useEvents(session, event => !event.type.startsWith("device.") && !event.type.startsWith("command."), audit.again)
    const active = handover.value !== undefined && !OVER.has(handover.value.phase)
    useEffect(() => {
        const timer = setInterval(handover.again, active ? FAST_MS : SLOW_MS)
        return () => clearInterval(timer)
    }, [active])
    return (
        <>
            <PageHead title="Server" />
            <div class="grid">
                <Card title="Handover to another server" wide>
                    {handover.error && <Failure error={handover.error} again={handover.again} />}
                    {handover.value === undefined && !handover.error && <Loading />}
                    {handover.value && <Handover session={session} progress={handover.value} onDone={handover.again} />}
                </Card>
                <Card title="Who changed what" wide note="newest first">
                    {audit.error && <Failure error={audit.error} again={audit.again} />}
                    {audit.value === undefined && !audit.error && <Loading />}
                    {audit.value?.items.length === 0 && <Empty title="Nothing has been changed yet." />}
                    {audit.value && audit.value.items.length > 0 && (
                        <Table
                            label="Changes"
                            items={audit.value.items}
                            keyOf={entry => entry.seq}
                            columns={[
                                { name: "When", cell: entry => <Time at={entry.at} /> },
                                {
                                    name: "Who",
                                    cell: entry => (
                                        <span>
                                            {entry.actor} <span class="muted">{entry.role === entry.actor ? "" : entry.role}</span>
                                        </span>
                                    ),
                                },
                                { name: "What", cell: entry => entry.action },
                                { name: "To what", cell: entry => entry.subject || "–" },
                                { name: "Details", is: "clip", cell: entry => <span class="muted">{details(entry.detail)}</span> },
                            ]}
                        />
                    )}
                </Card>
            </div>
        </>
    )
}

const details = (detail: Readonly<Record<string, unknown>>): string =>
    Object.entries(detail)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
        .join(", ")

function Handover({ session, progress, onDone }: { readonly session: Session; readonly progress: HandoverProgress; readonly onDone: () => void }) {
    const doing = useDoing()
    const [pace, setPace] = useState("")
    const { phase, role, to, devices, moved, freeze } = progress
    if (phase === null || role === null)
        return (
            <Empty title="No handover is under way.">
                <p>Devices move to a new server one by one, without an interruption. An admin starts it:</p>
                <pre>handover server handover --to https://next.example.org</pre>
            </Empty>
        )
    const active = !OVER.has(phase)
    const at = PHASES.indexOf(phase)
    return (
        <div class="handover">
            <p>
                <State state={phase} /> {role === "current" ? <>This server gives its devices to <code>{to}</code>.</> : <>This server takes devices over from <code>{to}</code>.</>}
            </p>
            <ol class="phases" aria-label="Steps of the handover">
                {PHASES.map((name, index) => (
                    <li key={name} class={index < at || phase === "done" ? "past" : index === at ? "now" : "next"} aria-current={index === at && phase !== "done" ? "step" : undefined}>
                        <strong>{name}</strong>
                        <span>{name === "moving" && role === "current" ? `${number(moved)} of ${number(devices)}` : index < at || phase === "done" ? "done" : index === at ? "now" : "later"}</span>
                    </li>
                ))}
            </ol>
            {role === "current" && <Bar value={moved} of={devices} label={`${percent(moved, devices)} of the devices have moved`} />}
            <Facts
                items={[
                    ["Devices moved", role === "current" ? `${number(moved)} of ${number(devices)}` : number(devices - moved)],
                    ["Copied before they move", role === "current" ? number(progress.copied) : "–"],
                    ["Between the two", number(progress.unsettled)],
                    ["Frozen, p50 and p99", freeze.count === 0 ? "–" : `${freeze.p50Ms} ms, ${freeze.p99Ms} ms`],
                    ["Frozen at most", freeze.count === 0 ? "–" : `${freeze.maxMs} ms`],
                    ["Pace", progress.pacePerS === null ? "–" : `${number(progress.pacePerS)} a second`],
                    ["Events that next lacks", progress.eventsBehind === null ? "–" : number(progress.eventsBehind)],
                    ["Failures of the link", number(progress.linkFailures)],
                    ["Failures of the store", number(progress.storeFailures)],
                ]}
            />
            {active && role === "current" && session.may("administer") && (
                <div class="actions">
                    <form
                        class="row-form"
                        onSubmit={event => {
                            event.preventDefault()
                            doing.run(async () => {
                                await session.api.send("POST", "/server/handover/pace", { pacePerS: Number(pace) })
                                onDone()
                            })
                        }}
                    >
                        <label class="inline">
                            <span>Pace, a second</span>
                            <input type="number" min="1" max="10000" required value={pace} onInput={event => setPace(event.currentTarget.value)} />
                        </label>
                        <button type="submit" disabled={doing.busy || pace === ""}>
                            Set
                        </button>
                    </form>
                    <ConfirmButton
                        label="Take everything back"
                        tone="danger"
                        busy={doing.busy}
                        question="Abort the handover?"
                        explain="Devices that have moved are asked back. Nothing is lost."
                        onConfirm={() =>
                            doing.run(async () => {
                                await session.api.send("POST", "/server/handover/abort")
                                onDone()
                            })
                        }
                    />
                </div>
            )}
            {doing.error && <Failure error={doing.error} />}
        </div>
    )
}
