import type { Command } from "commander"
import { part } from "../api-client.ts"
import type { ReleaseDocument } from "../../cloud/operator-api/documents.ts"
import { table } from "../output.ts"
import { action, type Session } from "../session.ts"

export function addReleases(program: Command): void {
    const releases = program.command("releases").summary("releases at the server").description("Lists and shows what was published.")
    releases
        .command("list")
        .description("list the releases")
        .option("--app <name>", "of this app only")
        .action(action(list))
    releases.command("show <release>").description("show a release (VERSION or APP@VERSION) with its artifacts").action(action(show))
}

async function list(session: Session, options: { app?: string }): Promise<void> {
    const query = options.app === undefined ? "" : `?app=${encodeURIComponent(options.app)}`
    const items = await session.api().list<ReleaseDocument>(`/releases${query}`)
    session.out.result({ ok: true, releases: items }, () =>
        items.length
            ? table(
                  items.map(r => [r.id, r.artifacts.map(a => `${a.base}${a.cold ? " (cold)" : ""}`).join(" ") || "-", r.artifacts.map(a => a.imageBytes).join("/") || "-", r.createdAt, r.createdBy]),
                  ["release", "for bases", "bytes", "created", "by"],
              )
            : `no releases yet: publish one with "handover publish VERSION"`,
    )
}

async function show(session: Session, _: object, release: string): Promise<void> {
    const document = await session.api().get<ReleaseDocument>(`/releases/${part(release)}`)
    session.out.result({ ok: true, ...document }, () =>
        [
            `${document.id}, created ${document.createdAt} by ${document.createdBy}`,
            ...(document.notes ? [document.notes] : []),
            table(
                document.artifacts.map(a => [a.base, a.sequence, a.imageBytes, a.cold ? "cold" : "hot"]),
                ["base", "sequence", "bytes", "kind"],
            ),
        ].join("\n"),
    )
}
