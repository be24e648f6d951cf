/** Prometheus figures. Each server has its own registry, so that several can live in one process. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client"
import type { HawkbitFigures } from "./hawkbit/index.ts"
import type { HawkbitHealth } from "./hawkbit/health.ts"
import type { Store } from "./store/store.ts"

export interface MetricSources {
    readonly store: Store
    readonly counters: { readonly polls: number; readonly statuses: number; readonly delivered: number }
    readonly heldPolls: () => number
    readonly sessions: () => number
    readonly listeners: () => number
    readonly blobReads: () => number
    readonly hawkbit?: { readonly health: HawkbitHealth; readonly figures: HawkbitFigures }
}

export function createMetrics(sources: MetricSources): Registry {
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    const registers = [registry]
    const total = (name: string, help: string, read: () => number): void => {
        new Counter({
            name,
            help,
            registers,
            collect() {
                this.reset()
                this.inc(read())
            },
        })
    }
    const gauge = (name: string, help: string, read: () => number): void => {
        new Gauge({
            name,
            help,
            registers,
            collect() {
                this.set(read())
            },
        })
    }
    total("handover_polls_total", "Polls of devices", () => sources.counters.polls)
    total("handover_statuses_total", "Status posts of devices", () => sources.counters.statuses)
    total("handover_commands_delivered_total", "Answers to devices that had a command", () => sources.counters.delivered)
    total("handover_blob_reads_total", "Reads of blobs that went to the disk or the bucket", sources.blobReads)
    gauge("handover_held_polls", "Polls that wait for a command", sources.heldPolls)
    gauge("handover_device_sessions", "Devices that have talked to this process", sources.sessions)
    gauge("handover_event_listeners", "Listeners to live events", sources.listeners)

    const { hawkbit } = sources
    if (hawkbit !== undefined) {
        gauge("handover_hawkbit_up", "1 while hawkBit answers", () => (["ok", "follows"].includes(hawkbit.health.state) ? 1 : 0))
        gauge("handover_hawkbit_behind_events", "Events that hawkBit has not been told", () => hawkbit.health.behind)
        gauge("handover_hawkbit_refused", "Devices, releases and rollouts that hawkBit refuses", () => Object.keys(hawkbit.health.refused).length)
        total("handover_hawkbit_requests_total", "Requests to hawkBit", () => hawkbit.figures.requests)
        total("handover_hawkbit_failures_total", "Requests that hawkBit did not answer, or with an error of its own", () => hawkbit.figures.failures)
        total("handover_hawkbit_feedbacks_total", "Feedbacks to hawkBit", () => hawkbit.figures.feedbacks)
        total("handover_hawkbit_assignments_total", "Assignments made in hawkBit", () => hawkbit.figures.assignments)
        total("handover_hawkbit_adopted_total", "Assignments that were made in hawkBit by somebody else", () => hawkbit.figures.adopted)
        total("handover_hawkbit_artifact_reads_total", "Artifacts read from hawkBit", () => hawkbit.figures.artifactReads)
        total("handover_hawkbit_resyncs_total", "Times that hawkBit was told everything", () => hawkbit.figures.resyncs)
    }

    const finished = new Counter({
        name: "handover_commands_finished_total",
        help: "Commands that ended, by how",
        labelNames: ["state"],
        registers,
    })
    const stops = new Counter({ name: "handover_rollout_stops_total", help: "Rollouts stopped by a failure or the gate", registers })
    sources.store.onEvents((events, elsewhere) => {
        // Each process counts its own, so that the sum over all of them is right.
        if (elsewhere) return
        for (const { type, data } of events)
            if (type === "command.finished") finished.inc({ state: String(data.state) })
            else if (type === "rollout.gate") stops.inc()
    })
    return registry
}
