import type { Page, RolloutSummary } from "../documents.ts"
import { href } from "../router.ts"
import type { Session } from "../state/session.ts"
import { Card, Empty, Failure, Loading, PageHead, ReleaseLink, State, Time, useTitle } from "../ui/parts.tsx"
import { RolloutActions } from "../ui/rollout-actions.tsx"
import { useEvents, useLoaded } from "../ui/use.ts"

export function Rollouts({ session }: { readonly session: Session }) {
    useTitle("Rollouts")
    const rollouts = useLoaded(signal => session.api.get<Page<RolloutSummary>>("/rollouts", { limit: 200 }, signal), [session])
    useEvents(session, event => event.type === "rollout.changed", rollouts.again)
    const items = rollouts.value?.items ?? []
    return (
        <>
            <PageHead title="Rollouts">
                {session.may("operate") && (
                    <a class="button primary" href={href("rollouts", "new")}>
                        Start a rollout
                    </a>
                )}
            </PageHead>
            {rollouts.error && <Failure error={rollouts.error} again={rollouts.again} />}
            {rollouts.value === undefined && !rollouts.error && <Loading lines={8} />}
            {rollouts.value && items.length === 0 && <Empty title="No rollout has been started yet.">{session.may("operate") ? "Choose a release and look at a preview of who would get it before you start." : "Somebody with the role operator starts them."}</Empty>}
            {items.length > 0 && (
                <Card title="All rollouts" wide note="newest first">
                    <div class="scroll" tabIndex={0} role="region" aria-label="Rollouts, scrollable">
                        <table class="plain">
                            <thead>
                                <tr>
                                    <th scope="col">Rollout</th>
                                    <th scope="col">State</th>
                                    <th scope="col">Release</th>
                                    <th scope="col">To</th>
                                    <th scope="col">Phase</th>
                                    <th scope="col">Changed</th>
                                    <th scope="col">
                                        <span class="hidden">Actions</span>
                                    </th>
                                </tr>
                            </thead>
                            <tbody>
                                {items.map(rollout => (
                                    <tr key={rollout.id}>
                                        <td>
                                            <a href={href("rollouts", rollout.id)}>{rollout.name}</a>
                                        </td>
                                        <td>
                                            <State state={rollout.state} />
                                            {rollout.why && <small class="muted"> {rollout.why}</small>}
                                        </td>
                                        <td>
                                            <ReleaseLink release={rollout.release} />
                                        </td>
                                        <td class="clip">{targetText(rollout)}</td>
                                        <td>
                                            {rollout.phase + 1} of {rollout.phases}
                                        </td>
                                        <td>
                                            <Time at={rollout.changedAt} />
                                        </td>
                                        <td class="end">
                                            <RolloutActions session={session} rollout={rollout} onDone={rollouts.again} short />
                                        </td>
                                    </tr>
                                ))}
                            </tbody>
                        </table>
                    </div>
                </Card>
            )}
        </>
    )
}

export function targetText({ group, filter }: { readonly group: string | null; readonly filter: string | null }): string {
    const parts = [group === null ? "" : `group ${group}`, filter ?? ""].filter(Boolean)
    return parts.join(", ") || "all devices"
}
