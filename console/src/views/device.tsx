/** One device: what it runs, what is wanted of it, what it said. */
import { useState } from "preact/hooks"
import { part } from "../api.ts"
import type { CommandDocument, DeviceDocument, Page, ReleaseDocument, StatusDocument } from "../documents.ts"
import { bytes, duration, number } from "../format.ts"
import { href } from "../router.ts"
import type { Session } from "../state/session.ts"
import { Banks, BootRecord, Ledger } from "../ui/boot.tsx"
import { Card, ConfirmButton, Empty, Facts, Failure, Loading, PageHead, ReleaseLink, Said, State, Time, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
import { Bar } from "../ui/phase-rail.tsx"
import { useDoing, useEvents, useLoaded } from "../ui/use.ts"
import { FaultReport } from "../ui/fault.tsx"
import { LiveLog } from "../ui/live-log.tsx"

export function Device({ session, id }: { readonly session: Session; readonly id: string }) {
    useTitle(id)
    const device = useLoaded(signal => session.api.get<DeviceDocument>(`/devices/${part(id)}`, {}, signal), [session, id])
    useEvents(session, event => event.device === id && event.type !== "device.log", device.again, 300)
    const shown = device.value
    if (device.error && shown === undefined) return <Failure error={device.error} again={device.again} />
    if (shown === undefined) return <Loading lines={10} />
    const faults = shown.history.filter(status => status.diagnostics !== null)
    return (
        <>
            <PageHead
                over={<a href={href("devices")}>Devices</a>}
                title={
                    <>
                        {id} <State state={shown.sync.state} reason={shown.sync.reason} />
                    </>
                }
            >
                <DeviceActions session={session} device={shown} onDone={device.again} />
            </PageHead>
            {device.error && <Failure error={device.error} again={device.again} />}
            {shown.command && <UnderWay command={shown.command} />}
            <div class="grid">
                <Card title="Desired and actual">
                    <DesiredActual device={shown} />
                </Card>
                <Card title="Banks, boot record, ledger">
                    <Banks device={shown} />
                    <BootRecord device={shown} />
                    <h3>Update ledger</h3>
                    <Ledger device={shown} />
                </Card>
                <LiveLog session={session} id={id} history={shown.history} />
                <Card title="Diagnostics" note={faults.length > 0 ? `${number(faults.length)} in the last ${shown.history.length} reports` : undefined}>
                    {faults.length === 0 ? <Empty title="No fault among the latest reports." /> : faults.slice(0, 5).map(status => <FaultReport key={status.seq} status={status} />)}
                </Card>
                <Commands commands={shown.commands} />
                <History session={session} device={shown} />
            </div>
        </>
    )
}

function DesiredActual({ device }: { readonly device: DeviceDocument }) {
    const { actual, desired } = device
    const attributes = Object.entries(device.attributes)
    return (
        <>
            <table class="plain pair">
                <thead>
                    <tr>
                        <th />
                        <th scope="col">Desired</th>
                        <th scope="col">Actual</th>
                    </tr>
                </thead>
                <tbody>
                    <tr>
                        <th scope="row">Version</th>
                        <td>{desired === null ? <span class="muted">nothing</span> : <ReleaseLink release={desired.release} />}</td>
                        <td>{actual?.version ?? <span class="muted">never reported</span>}</td>
                    </tr>
                    <tr>
                        <th scope="row">Since</th>
                        <td>{desired ? <Time at={desired.setAt} /> : "–"}</td>
                        <td>{actual ? <Time at={actual.changedAt} /> : "–"}</td>
                    </tr>
                    <tr>
                        <th scope="row">By</th>
                        <td>{desired === null ? "–" : desired.rollout ? <a href={href("rollouts", desired.rollout)}>rollout {desired.rollout}</a> : desired.setBy}</td>
                        <td>{actual ? "the board's report" : "–"}</td>
                    </tr>
                </tbody>
            </table>
            <Facts
                items={[
                    ["Heard of", <Time key="t" at={actual?.reportedAt ?? null} />],
                    ["Board is", actual ? <State key="s" state={actual.state} /> : "–"],
                    ["Up for", actual?.uptimeMs == null ? "–" : duration(actual.uptimeMs)],
                    ["Channel", actual?.channel ?? "–"],
                    ["Base", actual ? <code key="b">{actual.base}</code> : "–"],
                    ["Sequence", actual ? number(actual.sequence) : "–"],
                    ["App", device.app ?? "–"],
                    ...attributes.map(([name, value]): [string, string] => [name, value]),
                ]}
            />
        </>
    )
}

function UnderWay({ command }: { readonly command: CommandDocument }) {
    const { doneBytes, ofBytes } = command
    return (
        <section class="under-way" aria-label="Under way">
            <State state={command.state} />
            <span>
                {command.cmd} {command.release && <ReleaseLink release={command.release} />}
                {command.attempt > 1 && `, attempt ${command.attempt}`}, queued <Time at={command.queuedAt} />
            </span>
            {ofBytes !== null && ofBytes > 0 && (
                <>
                    <Bar value={doneBytes ?? 0} of={ofBytes} label={`${doneBytes ?? 0} of ${ofBytes} bytes`} />
                    <span class="muted">
                        {bytes(doneBytes ?? 0)} of {bytes(ofBytes)}
                    </span>
                </>
            )}
        </section>
    )
}

function DeviceActions({ session, device, onDone }: { readonly session: Session; readonly device: DeviceDocument; readonly onDone: () => void }) {
    const doing = useDoing()
    const [version, setVersion] = useState("")
    const [said, setSaid] = useState("")
    const releases = useLoaded(signal => session.api.get<Page<ReleaseDocument>>("/releases", { limit: 500, app: device.app ?? undefined }, signal), [session, device.app])
    if (!session.may("operate")) return null
    const base = device.actual?.base
    const fitting = (releases.value?.items ?? []).filter(release => release.artifacts.some(artifact => artifact.base === base) || release.bases.some(own => own.base === base)).reverse()
    const act = (what: string, body: unknown, text: string): void =>
        doing.run(async () => {
            await session.api.send("POST", `/devices/${part(device.id)}/${what}`, body)
            setSaid(text)
            onDone()
        })
    return (
        <>
            <Said text={said} />
            <label class="inline">
                <span class="hidden">Release to update to</span>
                <select value={version} onChange={event => setVersion(event.currentTarget.value)}>
                    <option value="">{fitting.length === 0 ? "no release for its base" : "release…"}</option>
                    {fitting.map(release => (
                        <option key={release.id} value={release.id}>
                            {release.id}
                        </option>
                    ))}
                    <option value="base">the base's own code</option>
                </select>
            </label>
            <button type="button" class="primary" disabled={doing.busy || version === ""} onClick={() => act("update", { version }, `${device.id} is told to run ${version}`)}>
                Update
            </button>
            {device.command === null ? (
                <button type="button" disabled={doing.busy} onClick={() => act("check", undefined, `${device.id} is asked to report`)}>
                    Ask to report
                </button>
            ) : (
                <ConfirmButton label="Cancel" tone="danger" busy={doing.busy} question="Cancel what is under way?" explain="Nothing is desired of the device then; it goes on with what it runs." onConfirm={() => act("cancel", undefined, "Cancelled")} />
            )}
            {doing.error && <Failure error={doing.error} />}
        </>
    )
}

function Commands({ commands }: { readonly commands: readonly CommandDocument[] }) {
    return (
        <Card title="Commands">
            {commands.length === 0 ? (
                <Empty title="Nobody has told it anything yet." />
            ) : (
                <Table
                    label="Commands"
                    items={commands}
                    keyOf={command => command.id}
                    columns={[
                        { name: "Queued", cell: command => <Time at={command.queuedAt} /> },
                        {
                            name: "What",
                            cell: command => (
                                <span>
                                    {command.cmd} {command.release && <ReleaseLink release={command.release} />}
                                    {command.rollout && (
                                        <>
                                            {" "}
                                            <a href={href("rollouts", command.rollout)}>(rollout)</a>
                                        </>
                                    )}
                                </span>
                            ),
                        },
                        { name: "Outcome", cell: command => <State state={command.state} /> },
                        { name: "Why", cell: command => (command.code ? <code>{command.code}</code> : "–") },
                    ]}
                />
            )}
        </Card>
    )
}

function History({ session, device }: { readonly session: Session; readonly device: DeviceDocument }) {
    const [older, setOlder] = useState<readonly StatusDocument[]>([])
    const [end, setEnd] = useState(device.history.length < 50)
    const doing = useDoing()
    const known = new Set(device.history.map(status => status.seq))
    const all = [...device.history, ...older.filter(status => !known.has(status.seq))]
    const more = (): void =>
        doing.run(async () => {
            const page = await session.api.get<Page<StatusDocument>>(`/devices/${part(device.id)}/history`, { limit: 100, after: all.at(-1)?.seq })
            setOlder(before => [...before, ...page.items])
            setEnd(page.next === null)
        })
    return (
        <Card title="History" wide>
            {all.length === 0 ? (
                <Empty title="It has not reported a step of an update yet." />
            ) : (
                <Table
                    label="History"
                    items={all}
                    keyOf={status => status.seq}
                    columns={[
                        { name: "When", cell: status => <Time at={status.at} /> },
                        { name: "State", cell: status => <State state={status.state} /> },
                        { name: "Version", cell: status => status.version ?? "–" },
                        { name: "Bank", cell: status => status.bank ?? "–" },
                        { name: "Bytes", is: "number", cell: status => (status.ofBytes ? `${number(status.doneBytes ?? 0)} / ${number(status.ofBytes)}` : "–") },
                        {
                            name: "What happened",
                            cell: status =>
                                (status.code || status.fault) && (
                                    <span>
                                        {status.code && <code>{status.code}</code>} {status.fault && `${status.fault.message} in ${status.fault.function}`}
                                        {status.fault?.location && <code class="place"> {status.fault.location}</code>}
                                    </span>
                                ),
                        },
                    ]}
                >
                    {!end && (
                        <button type="button" disabled={doing.busy} onClick={more}>
                            Older
                        </button>
                    )}
                </Table>
            )}
            {doing.error && <Failure error={doing.error} again={more} />}
        </Card>
    )
}
