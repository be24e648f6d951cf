/** A device's log and its steps in one stream, newest at the end. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { part } from "../api.ts"
import type { LiveEvent, LogLine, Page, StatusDocument } from "../documents.ts"
import { clockTime, fullTime } from "../format.ts"
import type { Session } from "../state/session.ts"
import { Card, Failure, Loading } from "./parts.tsx"
import { useLoaded } from "./use.ts"
import { meaningOf } from "./words.ts"

interface Entry {
    readonly key: string
    readonly at: string
    readonly kind: "log" | "state" | "fault" | "command"
    readonly text: string
}

const SHOWN = 300
const NEAR_END_PX = 40

export function LiveLog({ session, id, history }: { readonly session: Session; readonly id: string; readonly history: readonly StatusDocument[] }) {
    const lines = useLoaded(signal => session.api.get<Page<LogLine>>(`/devices/${part(id)}/log`, { limit: 200 }, signal), [session, id])
    const [fresh, setFresh] = useState<readonly Entry[]>([])
    const [follows, setFollows] = useState(true)
    const box = useRef<HTMLDivElement>(null)
    useEffect(() => {
        setFresh([])
        let count = 0
        return session.live.on(event => {
            if (event.device !== id) return
            const entries = entriesOf(event, () => `e${++count}`)
            if (entries.length > 0) setFresh(before => [...before, ...entries].slice(-SHOWN))
        })
    }, [session, id])
    const seen = fresh.length > 0 ? fresh[0].at : "9"
    const before = [...(lines.value?.items ?? []).map(line => ({ key: `l${line.seq}`, at: line.at, kind: "log" as const, text: line.line })).reverse(), ...history.map(entryOfStatus)].filter(entry => entry.at < seen).sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    const all = [...before, ...fresh].slice(-SHOWN)
    useLayoutEffect(() => {
        if (follows && box.current) box.current.scrollTop = box.current.scrollHeight
    }, [all.length, all.at(-1)?.key, follows])
    return (
        <Card
            title="Live log"
            wide
            note={
                <label class="check">
                    <input type="checkbox" checked={follows} onChange={event => setFollows(event.currentTarget.checked)} /> Follow
                </label>
            }
        >
            {lines.error && <Failure error={lines.error} again={lines.again} />}
            {lines.value === undefined && !lines.error && <Loading />}
            <div
                class="log"
                role="log"
                aria-label={`Log of ${id}`}
                tabIndex={0}
                ref={box}
                onScroll={event => {
                    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
                    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX
                    if (!atEnd && follows) setFollows(false)
                }}
            >
                <ol>
                {all.length === 0 && lines.value && <li class="muted">Nothing yet. What the board reports appears here as it comes.</li>}
                {all.map(entry => (
                    <li key={entry.key} class={`k-${entry.kind}`}>
                        <time dateTime={entry.at} title={fullTime(entry.at)}>
                            {clockTime(entry.at)}
                        </time>
                        <span>{entry.text}</span>
                    </li>
                ))}
                </ol>
            </div>
        </Card>
    )
}

function entryOfStatus(status: StatusDocument): Entry {
    const fault = status.fault ? `: ${status.fault.message} in ${status.fault.function}${status.fault.location ? ` at ${status.fault.location}` : ""}` : ""
    const progress = status.ofBytes && status.state === "downloading" ? ` ${status.doneBytes ?? 0}/${status.ofBytes} bytes` : ""
    return { key: `s${status.seq}`, at: status.at, kind: status.diagnostics ? "fault" : "state", text: `${meaningOf(status.state).label} ${status.version ?? ""}${progress}${status.code ? ` ${status.code}` : ""}${fault}` }
}

function entriesOf(event: LiveEvent, key: () => string): Entry[] {
    const { at } = event
    switch (event.type) {
        case "device.log":
            return (event.lines as string[]).map(text => ({ key: key(), at, kind: "log", text }))
        case "device.status": {
            const progress = event.of && event.state === "downloading" ? ` ${event.done ?? 0}/${event.of} bytes` : ""
            return [{ key: key(), at, kind: event.diagnostics ? "fault" : "state", text: `${meaningOf(String(event.state)).label} ${event.version ?? ""}${progress}${event.code ? ` ${event.code}` : ""}` }]
        }
        case "command.queued":
            return [{ key: key(), at, kind: "command", text: `told ${event.release ? `to run ${event.release}` : "to report"}` }]
        case "command.finished":
            return [{ key: key(), at, kind: "command", text: `command ${meaningOf(String(event.state)).label}${event.code ? ` ${event.code}` : ""}` }]
        case "device.actual":
            return [{ key: key(), at, kind: "state", text: `reports ${event.version}, bank ${event.bank}, ${meaningOf(String(event.state)).label}` }]
        default:
            return []
    }
}
