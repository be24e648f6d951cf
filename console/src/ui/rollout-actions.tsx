/** What can be done to a rollout now, by whom may. Pause is one click, everything that cannot be undone two. */
import type { RolloutDocument, RolloutSummary } from "../documents.ts"
import { part } from "../api.ts"
import type { Session } from "../state/session.ts"
import { ConfirmButton, Failure } from "./parts.tsx"
import { useDoing } from "./use.ts"

interface Props {
    readonly session: Session
    readonly rollout: RolloutSummary & Partial<Pick<RolloutDocument, "waitsFor">>
    readonly onDone: () => void
    readonly short?: boolean
}

export function RolloutActions({ session, rollout, onDone, short }: Props) {
    const doing = useDoing()
    if (!session.may("operate")) return null
    const { id, state, name } = rollout
    const steer = (what: string): void =>
        doing.run(async () => {
            await session.api.send("POST", `/rollouts/${part(id)}/${what}`)
            onDone()
        })
    const active = state === "running" || state === "paused"
    return (
        <div class="actions">
            {rollout.waitsFor === "operator" && state === "running" && (
                <button type="button" class="primary" disabled={doing.busy} onClick={() => steer("advance")}>
                    Next phase
                </button>
            )}
            {state === "running" && (
                <button type="button" disabled={doing.busy} onClick={() => steer("pause")}>
                    Pause
                </button>
            )}
            {state === "paused" && (
                <ConfirmButton
                    label="Resume"
                    tone="primary"
                    busy={doing.busy}
                    question={`Resume ${name}?`}
                    explain="Devices are granted again. Failures so far are accepted and stop nothing any more."
                    onConfirm={() => steer("resume")}
                />
            )}
            {active && (
                <ConfirmButton label="Abort" tone="danger" busy={doing.busy} question={`Abort ${name}?`} explain="Nothing more is granted, for good. What is updated stays." onConfirm={() => steer("abort")} />
            )}
            {!short && state !== "rollingBack" && state !== "rolledBack" && (
                <ConfirmButton
                    label="Roll back"
                    tone="danger"
                    busy={doing.busy}
                    question={`Roll back ${name}?`}
                    explain="Every device of this rollout goes back to what was desired of it before. Devices for which somebody asked for something else meanwhile are left alone."
                    onConfirm={() => steer("rollback")}
                />
            )}
            {doing.error && <Failure error={doing.error} />}
        </div>
    )
}
