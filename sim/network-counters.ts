import type { NetworkEvent, NetworkStats } from "./network-faults.ts"

/** Sums up a board's network events. */
export class NetworkCounters {
    readonly stats: NetworkStats = { connections: 0, opened: 0, bytesUp: 0, bytesDown: 0, faults: 0, open: 0 }
    private readonly openConnections = new Set<number>()

    count(event: NetworkEvent): void {
        const { stats } = this
        if (event.kind === "opening") stats.connections++
        else if (event.kind === "up") stats.bytesUp += event.sizeBytes
        else if (event.kind === "down") stats.bytesDown += event.sizeBytes
        else if (event.kind === "fault") stats.faults++
        else if (event.kind === "closed") this.openConnections.delete(event.connection)
        else if (event.kind === "open") {
            stats.opened++
            this.openConnections.add(event.connection)
        }
        stats.open = this.openConnections.size
    }
}
