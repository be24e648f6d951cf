import { type Command, Argument } from "commander"
import type { NewTokenDocument, TokenDocument } from "../../cloud/operator-api/server-documents.ts"
import { part } from "../api-client.ts"
import { wholeNumber } from "../option-values.ts"
import { table } from "../output.ts"
import { intoSecretFile } from "../secret-file.ts"
import { action, type Session } from "../session.ts"

export function addTokens(program: Command): void {
    const tokens = program.command("tokens").summary("tokens of people and programs").description("Makes, lists and revokes tokens of the operator API. A token is shown once.")
    tokens
        .command("new <name>")
        .addArgument(new Argument("<role>", "what it may do").choices(["admin", "publisher", "operator", "viewer"]))
        .description("make a token")
        .option("--expires-s <n>", "seconds until it ends by itself (default: never)", wholeNumber)
        .option("--to <file>", "write it there, for its owner only, instead of showing it")
        .action(action(make))
    tokens.command("list").description("list the tokens, never their values").action(action(list))
    tokens.command("revoke <id>").description("end a token at once").action(action(revoke))
}

async function make(session: Session, options: { to?: string; expiresS?: number }, name: string, role: string): Promise<void> {
    const make = () => session.api().call<NewTokenDocument>("POST", "/tokens", { name, role, expiresInS: options.expiresS })
    if (options.to === undefined) {
        const made = await make()
        session.out.result({ ok: true, ...made }, made.token)
        return
    }
    const made = await intoSecretFile(options.to, make, ({ token }) => `${token}\n`)
    session.out.result({ ok: true, id: made.id, name, role, file: options.to }, `token ${made.id} (${name}, ${role}) is in ${options.to}`)
}

async function list(session: Session): Promise<void> {
    const tokens = await session.api().list<TokenDocument>("/tokens")
    session.out.result({ ok: true, tokens }, () =>
        table(
            tokens.map(t => [t.id, t.name, t.role, t.createdAt, t.revokedAt !== null ? `revoked ${t.revokedAt}` : t.expiresAt === null ? "valid" : `${Date.parse(t.expiresAt) > Date.now() ? "valid until" : "over since"} ${t.expiresAt}`]),
            ["id", "name", "role", "created", ""],
        ),
    )
}

async function revoke(session: Session, _: object, id: string): Promise<void> {
    await session.api().call("DELETE", `/tokens/${part(id)}`)
    session.out.result({ ok: true, id }, `token ${id} is revoked`)
}
