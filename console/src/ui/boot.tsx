/** What a board holds and how it came to run what it runs, as far as it has reported. */
import type { DeviceDocument, OldCall, StatusDocument } from "../documents.ts"
import { duration, number, plural } from "../format.ts"
import { Empty, Facts, ReleaseLink, State, Time } from "./parts.tsx"

const BANKS = [
    ["R", "base, never written over the air"],
    ["A", "image"],
    ["B", "image"],
] as const

/** The latest report that names the bank; on trial an image runs from memory, and no bank has it yet. */
const lastOf = (device: DeviceDocument, bank: string): StatusDocument | undefined => device.history.find(status => status.bank === bank && status.version !== null && status.state !== "trial")

export function Banks({ device }: { readonly device: DeviceDocument }) {
    const { actual } = device
    if (actual === null) return <Empty title="It has not reported yet." />
    return (
        <ul class="banks" aria-label="Banks">
            {BANKS.map(([bank, what]) => {
                const active = actual.bank === bank
                const last = active ? undefined : lastOf(device, bank)
                return (
                    <li key={bank} class={active ? "active" : undefined}>
                        <strong>{bank}</strong>
                        <span>
                            {active ? actual.version : (last?.version ?? (bank === "R" ? "base" : "nothing known"))}
                            <small class="muted">{active ? `runs now, ${actual.state === "trial" ? "on trial" : what}` : last ? <>seen <Time at={last.at} /></> : what}</small>
                        </span>
                    </li>
                )
            })}
        </ul>
    )
}

export function BootRecord({ device }: { readonly device: DeviceDocument }) {
    const { actual, blocked, history } = device
    if (actual === null) return null
    const counted = history.find(status => Array.isArray(status.diagnostics?.n))
    const [panics, rollbacks] = (counted?.diagnostics?.n ?? []) as number[]
    const rolledBack = history.find(status => status.state === "rolledBack")
    return (
        <Facts
            items={[
                ["Active bank", `${actual.bank}, sequence ${number(actual.sequence)}`],
                ["This start", actual.boots === null ? "–" : <code key="b">{actual.boots.toString(16)}</code>],
                ["Rollbacks", counted ? `${number(rollbacks ?? 0)}, ${number(panics ?? 0)} panics` : "none reported"],
                ["Last rollback", rolledBack ? <><Time at={rolledBack.at} />{rolledBack.code && <code> {rolledBack.code}</code>}</> : "–"],
                ["Bad releases", blocked.length === 0 ? "none" : <ul key="l" class="lines">{blocked.map(block => <li key={block.release}><ReleaseLink release={block.release} /> <State state={block.reason} /> <span class="muted"><Time at={block.at} /></span></li>)}</ul>],
            ]}
        />
    )
}

function numberOf(call: OldCall): string {
    if (call.function !== null) return `function ${call.function} of the image`
    return call.host === 0 ? "top-level code" : `function ${call.host ?? "?"} of the base`
}

/** Calls that began before an update and still run the code that was current then, as of the last poll. */
export function Ledger({ device }: { readonly device: DeviceDocument }) {
    const ledger = device.actual?.ledger
    if (!ledger) return <p class="muted">This board has not reported one: which functions, timers and fibers still run old code is not known here.</p>
    if (ledger.count === 0)
        return (
            <p>
                <State state="converged" /> Nothing runs old code.
            </p>
        )
    return (
        <>
            <p>
                <State state="updating" /> {plural(ledger.count, "call")} of old code while {device.actual?.version} is current.
            </p>
            <table class="plain">
                <thead>
                    <tr>
                        <th scope="col">Fiber</th>
                        <th scope="col">What</th>
                        <th scope="col">Function</th>
                        <th scope="col">Code of</th>
                        <th scope="col" class="n">
                            Old for
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {ledger.calls.map((call, index) => (
                        <tr key={index}>
                            <td>{call.fiber}</td>
                            <td>{call.role ?? "call"}</td>
                            <td>
                                {call.name ?? numberOf(call)} {call.location && <code class="place">{call.location}</code>}
                            </td>
                            <td>{call.sequence === null ? "the base" : (call.version ?? `sequence ${number(call.sequence)}`)}</td>
                            <td class="n">{duration(call.oldForMs)}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
            {ledger.calls.some(call => !call.name) && (
                <p class="muted">
                    No map with these functions was published; <code>handover ledger {device.id}</code> has the names, from the base's bundle.
                </p>
            )}
        </>
    )
}
