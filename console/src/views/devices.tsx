/** All devices: as many as there are, of which only the rows in view are drawn. */
import { Component } from "preact"
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import type { DeviceSummary } from "../documents.ts"
import { ago, number } from "../format.ts"
import { go, href, type Place, withQuery } from "../router.ts"
import type { Session } from "../state/session.ts"
import { useWatched } from "../state/store.ts"
import { Empty, Failure, Loading, PageHead, State, useTitle } from "../ui/parts.tsx"
import { useNow } from "../ui/use.ts"
import { meaningOf } from "../ui/words.ts"

const ROW_PX = 34
const SPARE_ROWS = 6
/** Sets of states that other pages link to. */
const SETS: Readonly<Record<string, readonly string[]>> = {
    moving: ["pending", "updating", "retrying", "cancelling"],
    wrong: ["blocked", "gaveUp", "noArtifact", "noPermission"],
}
const STATES = ["converged", "pending", "updating", "retrying", "blocked", "gaveUp", "noArtifact", "noPermission", "unmanaged", "unknown"]

interface Filters {
    readonly text: string
    readonly state: string
    readonly version: string
}

export function Devices({ session, place }: { readonly session: Session; readonly place: Place }) {
    useTitle("Devices")
    const { fleet } = session
    const revision = useWatched(fleet)
    const filters: Filters = { text: place.query.get("q") ?? "", state: place.query.get("state") ?? "", version: place.query.get("version") ?? "" }
    const [text, setText] = useState(filters.text)
    useEffect(() => setText(filters.text), [filters.text])
    const set = (change: Partial<Filters>): void => {
        const { text: q, state, version } = { ...filters, text, ...change }
        go(withQuery(href("devices"), { q, state, version }), true)
    }
    // The address follows when typing rests; the list follows at once.
    useEffect(() => {
        if (text === filters.text) return
        const timer = setTimeout(() => set({ text }), 300)
        return () => clearTimeout(timer)
    }, [text])
    const ids = useMemo(() => filterDevices(session, { ...filters, text }), [revision, text, filters.state, filters.version])
    const versions = useMemo(() => [...new Set([...fleet.devices.values()].map(device => device.actual?.version ?? ""))].filter(version => version !== "").sort(), [revision])
    if (fleet.error && fleet.devices.size === 0) return <Failure error={fleet.error} again={() => void fleet.read()} />
    return (
        <>
            <PageHead title="Devices" />
            <div class="filters" role="search" aria-label="Filter devices">
                <label>
                    <span>Search</span>
                    <input type="search" value={text} placeholder="id, attribute, channel, base" onInput={event => setText(event.currentTarget.value)} />
                </label>
                <label>
                    <span>State</span>
                    <select value={filters.state} onChange={event => set({ state: event.currentTarget.value })}>
                        <option value="">any</option>
                        <option value="wrong">needs a look</option>
                        <option value="moving">on its way</option>
                        <option value="silent">silent</option>
                        {STATES.map(state => (
                            <option key={state} value={state}>
                                {meaningOf(state).label}
                            </option>
                        ))}
                    </select>
                </label>
                <label>
                    <span>Version</span>
                    <select value={filters.version} onChange={event => set({ version: event.currentTarget.value })}>
                        <option value="">any</option>
                        {versions.map(version => (
                            <option key={version} value={version}>
                                {version}
                            </option>
                        ))}
                    </select>
                </label>
                <p role="status">
                    {number(ids.length)} of {number(fleet.devices.size)} devices{!fleet.complete && ", reading more"}
                </p>
            </div>
            {fleet.devices.size === 0 && !fleet.complete && <Loading lines={10} />}
            {fleet.devices.size === 0 && fleet.complete && <Empty title="There are no devices yet.">Boards appear here as soon as they are added.</Empty>}
            {fleet.devices.size > 0 && ids.length === 0 && (
                <Empty title="No device is like that.">
                    <button
                        type="button"
                        onClick={() => {
                            setText("")
                            set({ text: "", state: "", version: "" })
                        }}
                    >
                        Show all
                    </button>
                </Empty>
            )}
            {ids.length > 0 && <DeviceTable ids={ids} devices={fleet.devices} />}
        </>
    )
}

function filterDevices(session: Session, { text, state, version }: Filters): readonly string[] {
    const { fleet } = session
    const wanted = text.trim().toLowerCase()
    if (wanted === "" && state === "" && version === "") return fleet.ids
    const states = SETS[state] ?? [state]
    const silentBefore = fleet.figures === undefined ? 0 : Date.parse(fleet.figures.at) - fleet.figures.silentAfterS * 1000
    return fleet.ids.filter(id => {
        const device = fleet.devices.get(id)
        if (device === undefined) return false
        if (version !== "" && device.actual?.version !== version) return false
        if (state === "silent") {
            if (device.actual?.reportedAt == null || Date.parse(device.actual.reportedAt) >= silentBefore) return false
        } else if (state !== "" && !states.includes(device.sync.state)) return false
        return wanted === "" || has(device, wanted)
    })
}

function has({ id, app, attributes, actual }: DeviceSummary, text: string): boolean {
    if (id.toLowerCase().includes(text)) return true
    if (app?.toLowerCase().includes(text) || actual?.channel?.toLowerCase().includes(text) || actual?.base?.includes(text)) return true
    for (const name in attributes) if (attributes[name].toLowerCase().includes(text)) return true
    return false
}

const COLUMNS = ["Device", "State", "Runs", "Desired", "Bank", "Board", "Heard of"]

function DeviceTable({ ids, devices }: { readonly ids: readonly string[]; readonly devices: ReadonlyMap<string, DeviceSummary> }) {
    const box = useRef<HTMLDivElement>(null)
    const [view, setView] = useState({ first: 0, count: 30 })
    useEffect(() => {
        const element = box.current
        if (element === null) return
        const look = (): void => {
            const first = Math.max(0, Math.floor(element.scrollTop / ROW_PX) - SPARE_ROWS)
            const count = Math.ceil(element.clientHeight / ROW_PX) + 2 * SPARE_ROWS
            setView(before => (before.first === first && before.count === count ? before : { first, count }))
        }
        look()
        element.addEventListener("scroll", look, { passive: true })
        const resized = new ResizeObserver(look)
        resized.observe(element)
        return () => {
            element.removeEventListener("scroll", look)
            resized.disconnect()
        }
    }, [])
    const nowMs = useNow()
    const first = Math.min(view.first, Math.max(0, ids.length - view.count))
    const shown = ids.slice(first, first + view.count)
    return (
        <div class="device-table">
            <div class="rows" role="table" aria-label="Devices" aria-rowcount={ids.length + 1} aria-colcount={COLUMNS.length} ref={box} tabIndex={0}>
                <div class="heads" role="rowgroup">
                    <div role="row" class="row" aria-rowindex={1}>
                        {COLUMNS.map(name => (
                            <span key={name} role="columnheader">
                                {name}
                            </span>
                        ))}
                    </div>
                </div>
                <div class="space" role="rowgroup" style={{ height: `${ids.length * ROW_PX}px` }}>
                    {shown.map((id, index) => {
                        const device = devices.get(id)
                        // A row that scrolls out of view is used again for the one that comes in.
                        return device && <DeviceRow key={(first + index) % view.count} device={device} index={first + index} nowMs={nowMs} />
                    })}
                </div>
            </div>
        </div>
    )
}

interface RowProps {
    readonly device: DeviceSummary
    readonly index: number
    readonly nowMs: number
}

/** Drawn anew only when something of it is another: while one scrolls, most rows stay what they were. */
class DeviceRow extends Component<RowProps> {
    override shouldComponentUpdate(next: RowProps): boolean {
        return next.device !== this.props.device || next.index !== this.props.index || next.nowMs !== this.props.nowMs
    }

    override render({ device, index, nowMs }: RowProps) {
        const { id, actual, desired, sync } = device
        return (
            // placed by "top": with a transform each row is a picture of its own to the browser, and paging takes twice as long
            <div role="row" class="row" aria-rowindex={index + 2} style={{ top: `${index * ROW_PX}px` }}>
                <span role="cell">
                    <a href={href("devices", id)}>{id}</a>
                </span>
                <span role="cell">
                    <State state={sync.state} />
                </span>
                <span role="cell">{actual?.version ?? "–"}</span>
                <span role="cell" class={desired && desired.version !== actual?.version ? "" : "muted"}>
                    {desired?.release === "base" ? "base" : (desired?.version ?? "–")}
                </span>
                <span role="cell">{actual?.bank ?? "–"}</span>
                <span role="cell" class="muted">
                    {actual?.state ? meaningOf(actual.state).label : "–"}
                </span>
                <span role="cell" class="muted">
                    {ago(actual?.reportedAt ?? null, nowMs)}
                </span>
            </div>
        )
    }
}
