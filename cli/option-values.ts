import { InvalidArgumentError } from "commander"

/** Values of options, checked when they are read. */
export function wholeNumber(text: string): number {
    if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffffffff) throw new InvalidArgumentError("a whole number from 0 to 4294967295")
    return Number(text)
}

/** A TCP port; 0 takes a free one. */
export function port(text: string): number {
    if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new InvalidArgumentError("a port from 0 to 65535")
    return Number(text)
}

export function date(text: string): Date {
    const time = new Date(text)
    if (Number.isNaN(time.getTime()) || time.getTime() < 0 || time.getTime() / 1000 > 0xffffffff) throw new InvalidArgumentError("a time like 2030-01-31T00:00:00Z")
    return time
}

/** At most ten minutes. */
export function milliseconds(text: string): number {
    if (!/^\d{1,6}$/.test(text) || Number(text) > 600_000) throw new InvalidArgumentError("a number of milliseconds, at most 600000")
    return Number(text)
}

export function days(text: string): number {
    const value = Number(text)
    if (!(value > 0 && value <= 3650)) throw new InvalidArgumentError("a number of days, at most 3650")
    return value
}

/** For an option that may come several times. */
export function collect(value: string, before: string[] = []): string[] {
    return [...before, value]
}
