/** Hours in which a rollout may grant, in UTC. A window over midnight belongs to the day it begins. */
export interface Window {
    /** 0 = Sunday; empty = every day. */
    readonly days: readonly number[]
    /** "HH:MM" */
    readonly from: string
    /** "HH:MM"; not after `from` means on the next day. */
    readonly to: string
}

const DAY_MINUTES = 24 * 60

export function isOpen(windows: readonly Window[], nowMs: number): boolean {
    if (windows.length === 0) return true
    const date = new Date(nowMs)
    const minute = date.getUTCHours() * 60 + date.getUTCMinutes()
    const day = date.getUTCDay()
    return windows.some(window => {
        const from = minutes(window.from)
        const length = (minutes(window.to) - from + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES
        const begins = (on: number): boolean => window.days.length === 0 || window.days.includes(on)
        const today = begins(day) && minute >= from && minute < from + length
        const yesterday = begins((day + 6) % 7) && minute + DAY_MINUTES >= from && minute + DAY_MINUTES < from + length
        return today || yesterday
    })
}

function minutes(text: string): number {
    const [hours, rest] = text.split(":")
    return Number(hours) * 60 + Number(rest)
}
