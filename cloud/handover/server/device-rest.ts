/** What of a device's rows has changed since they were copied. Whether it was put together rightly tells the digest of the whole. */
import type { DeviceRows } from "../../store/handover.ts"
import type { DeviceBody } from "./device-sessions.ts"

/** The rows of one version, as numbers: what was sent need not be remembered to know what is new. */
export type Prints = ReadonlyMap<string, readonly number[]>

interface TableRest {
    /** These of the copy's rows are still there: tables with a history lose at one end and grow at the other. */
    readonly from: number
    readonly count: number
    readonly added: DeviceRows[string]
}

export interface DeviceRest {
    /** All that there are, in their order. */
    readonly tables: readonly string[]
    /** Those that are not as they were. */
    readonly changed: Readonly<Record<string, TableRest>>
    readonly sealKey: string | null
}

export function printsOf({ rows }: DeviceBody): Prints {
    return new Map(Object.entries(rows).map(([table, list]) => [table, list.map(row => printOf(JSON.stringify(row)))]))
}

export function restOf(before: Prints, body: DeviceBody): DeviceRest {
    const changed: Record<string, TableRest> = {}
    for (const [table, now] of printsOf(body)) {
        const old = before.get(table) ?? []
        const from = Math.max(0, old.indexOf(now[0]))
        let count = 0
        while (count < now.length && from + count < old.length && old[from + count] === now[count]) count++
        if (from === 0 && count === old.length && count === now.length) continue
        changed[table] = { from, count, added: body.rows[table].slice(count) }
    }
    return { tables: Object.keys(body.rows), changed, sealKey: body.sealKey }
}

export function putTogether(copy: DeviceBody, { tables, changed, sealKey }: DeviceRest): DeviceBody {
    const rows: DeviceRows = {}
    for (const table of tables) {
        const { from, count, added } = changed[table] ?? { from: 0, count: Number.POSITIVE_INFINITY, added: [] }
        rows[table] = [...(copy.rows[table] ?? []).slice(from, from + count), ...added]
    }
    return { rows, sealKey }
}

/** 53 bits, of two simple hashes: a device has few rows, and the whole has a digest. */
function printOf(text: string): number {
    let a = 0xdeadbeef
    let b = 0x41c6ce57
    for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at)
        a = Math.imul(a ^ code, 2654435761)
        b = Math.imul(b ^ code, 1597334677)
    }
    return (b & 0x1fffff) * 2 ** 32 + (a >>> 0)
}
