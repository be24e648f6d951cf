/** Prometheus figures. Each server has its own registry, so that several can live in one process. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client"
import type { Store } from "./store/store.ts"

export interface MetricSources {
    readonly store: Store
    readonly counters: { readonly polls: number; readonly statuses: number; readonly delivered: number }
    readonly heldPolls: () => number
    readonly sessions: () => number
    readonly listeners: () => number
    readonly blobReads: () => number
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
