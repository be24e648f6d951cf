import type { Command } from "commander"
import type { AuditDocument } from "../../cloud/operator-api/server-documents.ts"
import { wholeNumber } from "../option-values.ts"
import { table } from "../output.ts"
import { action, type Session } from "../session.ts"

export function addAudit(program: Command): void {
    program
        .command("audit")
        .summary("who changed what, and when")
        .description("Prints the audit log, newest first.")
        .option("--subject <id>", "only what was done to this device, release, group, rollout, token …")
        .option("--lines <n>", "how many", wholeNumber, 50)
        .action(action(audit))
}

async function audit(session: Session, { subject, lines }: { subject?: string; lines: number }): Promise<void> {
    const entries = lines === 0 ? [] : await session.api().list<AuditDocument>(`/audit${subject === undefined ? "" : `?subject=${encodeURIComponent(subject)}`}`, lines)
    session.out.result({ ok: true, entries }, () =>
        entries.length
            ? table(entries.map(e => [e.at, e.actor, e.role, e.action, e.subject, Object.keys(e.detail).length ? JSON.stringify(e.detail) : ""]), ["when", "who", "role", "what", "of", ""])
            : "nothing yet",
    )
}
