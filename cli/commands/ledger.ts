import type { Command } from "commander"
import { nameOldCall } from "../../toolchain/pack/name-old-call.ts"
import { part } from "../api-client.ts"
import type { DeviceDocument } from "../../cloud/operator-api/documents.ts"
import { plural, table } from "../output.ts"
import { action, type Session } from "../session.ts"
import { type SymbolOptions, Symbols } from "../symbols.ts"

export function addLedger(program: Command): void {
    program
        .command("ledger <device>")
        .summary("what still runs old code on a device after an update")
        .description(
            "Lists the calls that began before the last update, or the way back from one, and still run the code that was current\n" +
                "then: fiber, function, what it was registered as, whose code it is, and since when that is old. As of the last poll.",
        )
        .option("--base <file>", "base bundle, for names (default: OUT/base.json)")
        .action(action(ledger))
}

async function ledger(session: Session, options: SymbolOptions, device: string): Promise<void> {
    const { actual } = await session.api().get<DeviceDocument>(`/devices/${part(device)}`)
    if (actual === null) {
        session.out.result({ ok: true, device, reportedAt: null, count: 0, calls: [] }, `${device} has not reported yet`)
        return
    }
    const symbols = actual.ledger.count ? await Symbols.open(session, options) : undefined
    const base = symbols?.bundle?.baseId === actual.base ? symbols.bundle : undefined
    const calls = actual.ledger.calls.map(call => {
        const map = call.sequence === null ? undefined : symbols?.mapOf(actual.base, call.sequence)
        const code = call.sequence === null ? (base ? `base ${base.version}` : "base") : (map?.version ?? `sequence ${call.sequence}`)
        return { ...call, ...nameOldCall(call, base?.linked, map), code }
    })
    const { count } = actual.ledger
    session.out.result({ ok: true, device, reportedAt: actual.reportedAt, count, calls }, () => {
        if (!count) return `${device} runs ${actual.version} throughout (reported ${actual.reportedAt})`
        const lines = calls.map(c => [`${c.fiber}`, c.role, c.functionName, c.location ?? "-", c.code, seconds(c.oldForMs)])
        const more = count > calls.length ? `\n… and ${count - calls.length} more` : ""
        const rest = `${plural(count, "call")} of old code while ${actual.version} is current (reported ${actual.reportedAt})`
        return `${table(lines, ["fiber", "what", "function", "where", "code of", "old for"])}${more}\n${rest}`
    })
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
