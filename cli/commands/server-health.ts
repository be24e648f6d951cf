import type { Command } from "commander"
import type { HealthDocument } from "../../cloud/operator-api/server-documents.ts"
import { action, type Session } from "../session.ts"

export function addServerHealth(server: Command): void {
    server.command("health").description("What the server lacks at the moment: its database, or the hawkBit behind it.").action(action(health))
}

async function health(session: Session): Promise<void> {
    const found = await session.api().get<HealthDocument>("/server/health")
    session.out.result({ ok: true, ...found }, told(found))
}

function told({ degraded, leads, hawkbit }: HealthDocument): string {
    const lines = [degraded === null ? `nothing is missing${leads ? "" : " (another process leads)"}` : `degraded: ${degraded === "hawkbit" ? "hawkBit does not answer" : "the database cannot be reached"}`]
    if (hawkbit !== null) {
        lines.push(`hawkBit: ${hawkbit.state} since ${hawkbit.since}${hawkbit.why === null ? "" : `: ${hawkbit.why}`}`)
        if (hawkbit.behind > 0) lines.push(`  has not been told of ${hawkbit.behind} events`)
        for (const { subject, why } of hawkbit.refused) lines.push(`  refuses ${subject}: ${why}`)
    }
    return lines.join("\n")
}
