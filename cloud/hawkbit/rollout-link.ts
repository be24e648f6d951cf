/** Where a rollout of ours stands in hawkBit. */
import type { RolloutGroup } from "./remote.ts"

export interface RolloutLink {
    /** Its number there; null = hawkBit has no part in it (no device was ready when it began, or it is over there). */
    readonly remote: number | null
    /** What we have ordered last. */
    readonly said: "new" | "running" | "paused" | "over"
}

export const encodeLink = (link: RolloutLink): string => JSON.stringify(link)
export const decodeLink = (text: string | undefined): RolloutLink | undefined => (text === undefined ? undefined : JSON.parse(text))

export interface PhaseMembers {
    readonly successPercent: number
    readonly failurePercent: number
    readonly minFinished: number
    readonly deviceIds: readonly string[]
}

/**
 * hawkBit's groups for our phases, with thresholds that are never stricter than our rules: those
 * judge all devices so far and have the last word; hawkBit judges each group alone.
 */
export function groupsOf(name: string, phases: readonly PhaseMembers[]): RolloutGroup[] {
    let sum = 0
    return phases.flatMap(({ successPercent, failurePercent, minFinished, deviceIds }, index) => {
        const size = deviceIds.length
        sum += size
        if (size === 0) return []
        // So many of all so far may fail, and all of them may be of this group.
        const mayFail = Math.floor(((100 - successPercent) / 100) * sum)
        const leastGood = Math.max(0, size - mayFail)
        const mostBad = Math.max(Math.floor((failurePercent / 100) * sum), minFinished)
        return [
            {
                name: `phase ${index + 1}`,
                tag: `${name}-${index + 1}`,
                successPercent: Math.floor((leastGood / size) * 100),
                failurePercent: Math.min(100, Math.ceil((mostBad / size) * 100)),
            },
        ]
    })
}
