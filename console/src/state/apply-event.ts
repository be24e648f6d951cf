/** What a live event changes of a device in the list. */
import type { DeviceSummary, LiveEvent } from "../documents.ts"

const text = (value: unknown): string | null => (typeof value === "string" ? value : null)
const versionOf = (release: string): string => release.slice(release.indexOf("@") + 1)

/** How a command's state is seen from the device; others leave it as it is. */
const SYNC_OF_COMMAND: Readonly<Record<string, string>> = {
    delivered: "updating",
    running: "updating",
    cancelling: "cancelling",
    succeeded: "converged",
    failed: "blocked",
    rolledBack: "blocked",
    expired: "retrying",
    superseded: "pending",
}

export function applyEvent(before: DeviceSummary | undefined, event: LiveEvent): DeviceSummary {
    const device = before ?? { id: String(event.device), app: null, attributes: {}, desired: null, actual: null, sync: { state: "unknown" } }
    switch (event.type) {
        case "device.actual":
            return {
                ...device,
                actual: {
                    version: String(event.version),
                    base: text(event.baseId),
                    bank: text(event.bank),
                    state: text(event.state),
                    channel: text(event.channel) ?? device.actual?.channel ?? null,
                    reportedAt: event.at,
                },
            }
        case "device.status": {
            const version = text(event.version) ?? device.actual?.version
            if (version === undefined) return device
            const { actual } = device
            return { ...device, actual: { base: actual?.base ?? null, channel: actual?.channel ?? null, version, bank: text(event.bank) ?? actual?.bank ?? null, state: text(event.state), reportedAt: event.at } }
        }
        case "device.desired": {
            const release = text(event.release)
            return release === null ? { ...device, desired: null, sync: { state: "unmanaged" } } : { ...device, desired: { release, version: versionOf(release) }, sync: { state: device.actual === null ? "unknown" : "pending" } }
        }
        case "device.blocked":
            return { ...device, sync: { state: "blocked", reason: text(event.reason) } }
        case "command.queued":
            return event.release === undefined ? device : { ...device, sync: { state: "pending" } }
        case "command.changed":
        case "command.finished": {
            const state = SYNC_OF_COMMAND[String(event.state)]
            // Nothing is wanted of it: it was only asked to report.
            if (state === undefined || device.desired === null || device.sync.state === state) return device
            return { ...device, sync: state === "blocked" ? { state, reason: text(event.state) } : { state } }
        }
        default:
            return device
    }
}
