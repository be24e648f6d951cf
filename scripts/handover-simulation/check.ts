/** Judges a run by its log alone; it shares no code with what it judges. */
import type { Entry } from "./log.ts"

const SERVED_WITHIN_MS = 3_000

export function check(log: readonly Entry[], devices: readonly string[]): string[] {
    const wrong: string[] = []
    for (const device of devices) {
        const own = log.filter(entry => "device" in entry && entry.device === device)
        const final = own.find(entry => entry.what === "final")
        if (final?.what !== "final") {
            wrong.push(`${device}: the log has no end for it`)
            continue
        }
        if (final.owners.length !== 1) wrong.push(`${device}: owned by ${final.owners.join(" and ") || "nobody"} at the end`)
        inOrder(wrong, `${device}: statuses in the store`, final.statuses)
        inOrder(wrong, `${device}: commands in the store`, final.commands)
        const numbers = (what: string): number[] => own.flatMap(entry => (entry.what === what && "n" in entry ? [entry.n] : []))
        inOrder(wrong, `${device}: commands at the device`, numbers("applied"))
        for (const n of numbers("acknowledged")) if (!final.statuses.includes(n)) wrong.push(`${device}: status ${n} was acknowledged and is lost`)
        const applied = new Set(numbers("applied"))
        for (const n of numbers("issued")) if (!applied.has(n)) wrong.push(`${device}: command ${n} was taken and never reached the device`)
        oneOwnerPerEpoch(wrong, device, own)
        servedAfterKills(wrong, device, log)
    }
    if (log.at(-1)?.what === "end" && (log.at(-1) as { reason: string }).reason !== "quiet") wrong.push("the run did not come to rest")
    return wrong
}

function inOrder(wrong: string[], what: string, numbers: readonly number[]): void {
    const at = numbers.findIndex((n, index) => n !== index + 1)
    if (at >= 0) wrong.push(`${what}: ${numbers[at]} in place ${at + 1} (lost, doubled or out of order): ${numbers.join(" ")}`)
}

function oneOwnerPerEpoch(wrong: string[], device: string, own: readonly Entry[]): void {
    const owners = new Map<number, string>()
    let written = 0
    for (const entry of own) {
        if (entry.what !== "handled" && entry.what !== "wrote") continue
        const before = owners.get(entry.epoch)
        if (before !== undefined && before !== entry.server) wrong.push(`${device}: epoch ${entry.epoch} served by ${before} and ${entry.server}`)
        owners.set(entry.epoch, entry.server)
        if (entry.what !== "wrote") continue
        if (entry.epoch < written) wrong.push(`${device}: written at epoch ${entry.epoch} after ${written}`)
        written = entry.epoch
    }
}

function servedAfterKills(wrong: string[], device: string, log: readonly Entry[]): void {
    const kills = log.filter(entry => entry.what === "kill").map(entry => entry.atMs)
    const endMs = log.at(-1)?.atMs ?? 0
    const served = log.flatMap(entry => (entry.what === "served" && entry.device === device ? [entry.atMs] : []))
    kills.forEach((killMs, index) => {
        const untilMs = killMs + SERVED_WITHIN_MS
        // Another kill in between starts the time anew.
        if (untilMs > endMs || (kills[index + 1] ?? Number.POSITIVE_INFINITY) < untilMs) return
        if (!served.some(ms => ms > killMs && ms <= untilMs)) wrong.push(`${device}: not served within ${SERVED_WITHIN_MS} ms after the kill at ${killMs} ms`)
    })
}
