import type { Page, RolloutSummary } from "../documents.ts"
import { href } from "../router.ts"
import type { Session } from "../state/session.ts"
import { Card, Empty, Failure, Loading, PageHead, ReleaseLink, State, Time, useTitle } from "../ui/parts.tsx"
import { Table } from "../ui/table.tsx"
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
                    <Table
                        label="Rollouts"
                        items={items}
                        keyOf={rollout => rollout.id}
                        columns={[
                            { name: "Rollout", cell: rollout => <a href={href("rollouts", rollout.id)}>{rollout.name}</a> },
                            {
                                name: "State",
                                cell: rollout => (
                                    <span>
                                        <State state={rollout.state} />
                                        {rollout.why && <small class="muted"> {rollout.why}</small>}
                                    </span>
                                ),
                            },
                            { name: "Release", cell: rollout => <ReleaseLink release={rollout.release} /> },
                            { name: "To", is: "clip", cell: targetText },
                            { name: "Phase", cell: rollout => `${rollout.phase + 1} of ${rollout.phases}` },
                            { name: "Changed", cell: rollout => <Time at={rollout.changedAt} /> },
                            { name: "Actions", is: "actions", cell: rollout => <RolloutActions session={session} rollout={rollout} onDone={rollouts.again} short /> },
                        ]}
                    />
                </Card>
            )}
        </>
    )
}

export function targetText({ group, filter }: { readonly group: string | null; readonly filter: string | null }): string {
    const parts = [group === null ? "" : `group ${group}`, filter ?? ""].filter(Boolean)
    return parts.join(", ") || "all devices"
}
