import type { Command } from "commander"
import type { NewWebhookDocument, WebhookDocument } from "../../cloud/operator-api/server-documents.ts"
import { part } from "../api-client.ts"
import { collect } from "../option-values.ts"
import { table } from "../output.ts"
import { intoSecretFile } from "../secret-file.ts"
import { action, type Session } from "../session.ts"

export function addWebhooks(program: Command): void {
    const webhooks = program.command("webhooks").summary("events to an address of yours").description("Adds, lists and removes webhooks: signed CloudEvents, sent until they are taken.")
    webhooks
        .command("add <url>")
        .description("add a webhook; its secret is shown once")
        .option("--type <beginning>", "of the events that it gets, like rollout. or command.finished; several times for several (default: all)", collect)
        .option("--to <file>", "write the secret there, for its owner only, instead of showing it")
        .action(action(add))
    webhooks.command("list").description("list the webhooks and how they do").action(action(list))
    webhooks.command("remove <id>").description("remove a webhook").action(action(remove))
}

async function add(session: Session, options: { type?: string[]; to?: string }, url: string): Promise<void> {
    const make = () => session.api().call<NewWebhookDocument>("POST", "/webhooks", { url, types: options.type })
    if (options.to === undefined) {
        const made = await make()
        session.out.result({ ok: true, ...made }, made.secret)
        return
    }
    const { secret: _, ...made } = await intoSecretFile(options.to, make, ({ secret }) => `${secret}\n`)
    session.out.result({ ok: true, ...made, file: options.to }, `webhook ${made.id} is added, its secret is in ${options.to}`)
}

async function list(session: Session): Promise<void> {
    const { items: webhooks } = await session.api().get<{ items: WebhookDocument[] }>("/webhooks")
    session.out.result({ ok: true, webhooks }, () =>
        webhooks.length
            ? table(
                  webhooks.map(w => [w.id, w.url, w.types.join(",") || "all", w.delivered, w.failures === 0 ? "well" : `${w.failures} failures: ${w.lastError}${w.retryAt === null ? "" : `; again at ${w.retryAt}`}`]),
                  ["id", "address", "events", "up to", ""],
              )
            : "no webhooks yet",
    )
}

async function remove(session: Session, _: object, id: string): Promise<void> {
    await session.api().call("DELETE", `/webhooks/${part(id)}`)
    session.out.result({ ok: true, id }, `webhook ${id} is removed`)
}
