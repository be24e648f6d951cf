import { type Command, Argument } from "commander"
import { writeFileSync } from "node:fs"
import { part } from "../api-client.ts"
import { table } from "../output.ts"
import { action, type Session } from "../session.ts"

interface TokenDocument {
    readonly id: string
    readonly name: string
    readonly role: string
    readonly createdAt: string
    readonly createdBy: string
    readonly revokedAt: string | null
}

export function addTokens(program: Command): void {
    const tokens = program.command("tokens").summary("tokens of people and programs").description("Makes, lists and revokes tokens of the operator API. A token is shown once.")
    tokens
        .command("new <name>")
        .addArgument(new Argument("<role>", "what it may do").choices(["admin", "publisher", "operator", "viewer"]))
        .description("make a token")
        .option("--to <file>", "write it there, for its owner only, instead of showing it")
        .action(action(make))
    tokens.command("list").description("list the tokens, never their values").action(action(list))
    tokens.command("revoke <id>").description("end a token at once").action(action(revoke))
}

async function make(session: Session, options: { to?: string }, name: string, role: string): Promise<void> {
    const made = await session.api().call<TokenDocument & { token: string }>("POST", "/tokens", { name, role })
    if (options.to === undefined) {
        session.out.result({ ok: true, ...made }, made.token)
        return
    }
    writeFileSync(options.to, `${made.token}\n`, { mode: 0o600 })
    session.out.result({ ok: true, id: made.id, name, role, file: options.to }, `token ${made.id} (${name}, ${role}) is in ${options.to}`)
}

async function list(session: Session): Promise<void> {
    const tokens = await session.api().list<TokenDocument>("/tokens")
    session.out.result({ ok: true, tokens }, () =>
        table(
            tokens.map(t => [t.id, t.name, t.role, t.createdAt, t.revokedAt === null ? "valid" : `revoked ${t.revokedAt}`]),
            ["id", "name", "role", "created", ""],
        ),
    )
}

async function revoke(session: Session, _: object, id: string): Promise<void> {
    await session.api().call("DELETE", `/tokens/${part(id)}`)
    session.out.result({ ok: true, id }, `token ${id} is revoked`)
}
