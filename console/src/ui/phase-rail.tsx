/** A rollout's phases in a row, and how far the current one is. */
import type { RolloutDocument } from "../documents.ts"
import { duration, number, percent } from "../format.ts"
import { waitText } from "./words.ts"

export function PhaseRail({ rollout }: { readonly rollout: RolloutDocument }) {
    const { phases } = rollout.plan
    const { waiting, granted, succeeded, bad } = rollout.phaseDevices
    const all = waiting + granted + succeeded + bad
    return (
        <ol class="phases" aria-label="Phases">
            {phases.map((phase, index) => {
                const place = rollout.state === "completed" || index < rollout.phase ? "past" : index === rollout.phase ? "now" : "next"
                const size = phase.percent === null ? `${number(phase.count ?? 0)} devices` : `${phase.percent} %`
                return (
                    <li key={index} class={place} aria-current={place === "now" ? "step" : undefined}>
                        <strong>{size}</strong>
                        <span>{place === "past" ? "done" : place === "now" ? `${number(succeeded)} of ${number(all)}${bad > 0 ? `, ${number(bad)} failed` : ""}` : [phase.manual ? "you go on" : "", phase.soakS > 0 ? `soaks ${duration(phase.soakS * 1000)}` : ""].filter(Boolean).join(", ") || "later"}</span>
                        {place === "now" && <Bar value={succeeded} bad={bad} of={all} />}
                    </li>
                )
            })}
        </ol>
    )
}

export function Bar({ value, bad = 0, of, label }: { readonly value: number; readonly bad?: number; readonly of: number; readonly label?: string }) {
    const share = (part: number): number => (of === 0 ? 0 : Math.min(100, (part / of) * 100))
    return (
        <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : "true"}>
            <rect class="track" width="100" height="4" />
            <rect class="fill" width={share(value)} height="4" />
            {bad > 0 && <rect class="fill bad" x={share(value)} width={share(bad)} height="4" />}
        </svg>
    )
}

/** What a rollout that runs is waiting for. */
export function waitsFor(rollout: RolloutDocument): string | undefined {
    if (rollout.state !== "running" || rollout.waitsFor === null) return undefined
    const text = waitText(rollout.waitsFor)
    return text && `waits ${text}`
}

/** Evidence that the release is worse than it may be: from 1 (none) to the limit, on a scale of factors. */
export function Gate({ rollout }: { readonly rollout: RolloutDocument }) {
    const { gate, plan } = rollout
    if (gate === null || plan.gate === null) return <p class="muted">No gate. Failure shares of the phases stop it.</p>
    const share = Math.max(0, Math.log(Math.max(1, gate.evidence)) / Math.log(gate.stopsAt))
    const devices = gate.paired + gate.unpaired
    const bad = gate.pairedBad + gate.unpairedBad
    const level = share >= 1 ? "stops the rollout" : share > 0.5 ? "rising" : share > 0 ? "little" : "none"
    return (
        <div class="gate">
            <p>
                <strong>Evidence of harm: {level}</strong> <span class="muted">{gate.evidence < 0.01 ? "< 0.01" : number(Number(gate.evidence.toPrecision(3)))} of {number(gate.stopsAt)}</span>
            </p>
            <svg class={share >= 1 ? "bar bad" : share > 0.5 ? "bar wait" : "bar"} viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label={`Evidence ${Math.round(share * 100)} % of the way to the limit`}>
                <rect class="track" width="100" height="4" />
                <rect class="fill" width={Math.min(100, share * 100)} height="4" />
            </svg>
            <p class="muted">
                {number(bad)} of {number(devices)} granted devices failed ({percent(bad, devices)}); up to {Number((plan.gate.baseline * 100).toPrecision(3))} % is fine
                {gate.paired > 0 && `, ${number(gate.controlBad)} of ${number(gate.paired)} in the control group`}. At most {Number((plan.gate.alpha * 100).toPrecision(3))} % of healthy rollouts are ever stopped.
            </p>
        </div>
    )
}
