import { type Command, Option } from "commander"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { createKeyFile, keyFileSigner, keyIdOf, type KeyInfo, lmsParameters, lmsParametersName, readKeyInfo, readPassphrase, signRevocation } from "../../toolchain/sign/index.ts"
import { CliError } from "../cli-error.ts"
import type { Config, ConfigFile } from "../config.ts"
import { withProgress } from "../progress.ts"
import { inProject, shown } from "../paths.ts"
import { action, type Session } from "../session.ts"
import { collect, days } from "../option-values.ts"
import type { FreshnessOptions } from "../sign-freshness.ts"
import { noKey, publicKeyOf, warnWhenLow } from "../signers.ts"

interface KeyOptions {
    readonly height: string
    readonly winternitz: string
}

export function addKeys(program: Command): void {
    const keys = program.command("keys").summary("signing keys").description("Makes and shows signing keys (LMS, RFC 8554). The passphrase comes from the environment.")
    const parameters = (command: Command) =>
        command
            .addOption(new Option("--height <h>", "2^h signatures; 15 takes minutes").choices(["5", "10", "15"]).default("10"))
            .addOption(new Option("--winternitz <w>", "4: larger signatures, faster checks; 8: smaller ones").choices(["4", "8"]).default("8"))
    parameters(keys.command("new <file>").description("make a key and, when handover.json has none, name it there")).action(action(newKey))
    keys.command("show [file]").description("what a key is, and how many signatures it has left").action(action(showKeys))
    parameters(
        keys
            .command("rotate <file>")
            .description("make the next key and put it behind the one in use in handover.json; bases built from now on trust both"),
    ).action(action(rotate))
    keys.command("revoke <file>")
        .description("sign that boards must not trust a key (key file or public key) any more; signed by the next key")
        .option("--publish", "send it to the server, and stop signing with that key")
        .action(action(revoke))
    keys.command("fresh")
        .description("sign what the newest update for each base is, and until when: a board that gets no newer statement by then, or not that update, learns that it is kept back")
        .option("--base <file>", "base bundle; several times for several (default: as for release)", collect)
        .option("--key <file>", "signing key (default: as for release)", collect)
        .option("--days <n>", "how long it holds", days, 14)
        .option("--newest <version>", "speak of this version (default: the newest built here); for a release that has not reached all boards yet, the one before")
        .option("--publish", "send it to the server, which gives it to the boards")
        .action(action(async (session: Session, options: FreshnessOptions) => (await import("../sign-freshness.ts")).signFresh(session, options)))
    keys.command("export-public [file]")
        .description("write the public key: 60 bytes as hex digits")
        .option("--to <file>", "where to (default: standard output)")
        .action(action(exportPublic))
}

async function newKey(session: Session, options: KeyOptions, file: string): Promise<void> {
    const { config, out } = session
    const path = inProject(config, file)
    const info = await make(session, options, path)
    const named = config.keyFiles.length === 0
    if (named) nameKeys(config, [path])
    out.result({ ok: true, ...describe(path, info), configured: named }, () =>
        [format(path, info), "Never copy it, never restore it from a backup: a signature used twice gives the key away.", ...(named ? ["handover.json names it now."] : [])].join("\n"),
    )
}

async function rotate(session: Session, options: KeyOptions, file: string): Promise<void> {
    const { config, out } = session
    if (config.keyFiles.length === 0) throw noKey()
    const path = inProject(config, file)
    const info = await make(session, options, path)
    const old = config.keyFiles.at(-1)!
    nameKeys(config, [old, path])
    out.result({ ok: true, ...describe(path, info), before: describe(old, readKeyInfo(old)) }, () =>
        [
            format(path, info),
            "Next:",
            "  1. handover build, and bring the new base to the boards: it trusts both keys.",
            `  2. Go on signing with ${shown(old)}: "release" takes the first key that a base trusts. Put the new key in a safe.`,
            `  3. To end the old key: handover keys revoke ${shown(old)} --publish. Boards whose base knows only the old key stay with it.`,
        ].join("\n"),
    )
}

/** The statement is signed by a later key: boards take no other. */
async function revoke(session: Session, options: { publish?: boolean }, file: string): Promise<void> {
    const { config, out, env } = session
    const path = inProject(config, file)
    const revoked = publicKeyOf(path)
    const at = config.keyFiles.findIndex(f => Buffer.compare(readKeyInfo(f).publicKey, revoked) === 0)
    const signing = config.keyFiles.slice(at + 1).at(-1)
    if (signing === undefined || at === config.keyFiles.length - 1)
        throw new CliError("HOV_CLI_NO_KEY", `a revocation is signed by a key behind the revoked one in "keys" of handover.json, and there is none: see "handover keys rotate"`)
    const api = options.publish ? session.api() : undefined
    const statement = await signRevocation(keyFileSigner(signing, readPassphrase(env)), revoked)
    const keyId = keyIdOf(revoked)
    const folder = join(config.outDir, "statements")
    mkdirSync(folder, { recursive: true })
    const statementFile = join(folder, `revoke-${keyId}.hos`)
    writeFileSync(statementFile, statement)
    const sent = await api?.call<{ id: string }>("POST", "/statements", statement)
    if (sent && at >= 0) nameKeys(config, config.keyFiles.filter((_, i) => i !== at))
    out.result({ ok: true, revoked: keyId, signedBy: readKeyInfo(signing).keyId, file: shown(statementFile), statement: sent?.id ?? null }, () =>
        sent
            ? `key ${keyId} is revoked: boards hear it with their next poll. handover.json signs with ${shown(signing)} now.`
            : `${shown(statementFile)}: revokes key ${keyId} once it is sent (--publish)`,
    )
}

async function showKeys({ config, out }: Session, _: object, file?: string): Promise<void> {
    const files = file === undefined ? config.keyFiles : [inProject(config, file)]
    if (!files.length) throw noKey()
    const infos = files.map(f => ({ file: f, info: readKeyInfo(f) }))
    out.result({ ok: true, keys: infos.map(({ file: f, info }) => describe(f, info)) }, () => infos.map(({ file: f, info }) => format(f, info)).join("\n\n"))
    for (const { file: f } of infos) warnWhenLow(out, f)
}

async function exportPublic({ config, out }: Session, options: { to?: string }, file?: string): Promise<void> {
    const path = file === undefined ? config.keyFiles[0] : inProject(config, file)
    if (path === undefined) throw noKey()
    const info = readKeyInfo(path)
    const publicKey = Buffer.from(info.publicKey).toString("hex")
    if (options.to !== undefined) writeFileSync(options.to, `${publicKey}\n`)
    out.result({ ok: true, keyId: info.keyId, publicKey, file: options.to }, options.to === undefined ? publicKey : `${options.to}: public key ${info.keyId}`)
}

async function make({ env, out }: Session, options: KeyOptions, path: string): Promise<KeyInfo> {
    if (existsSync(path)) throw new CliError("HOV_CLI_USAGE", `${shown(path)} exists already: a key is never overwritten, choose another name`)
    const passphrase = readPassphrase(env)
    mkdirSync(dirname(path), { recursive: true })
    return withProgress(out, "Make the key", () => createKeyFile(path, passphrase, { parameters: lmsParameters(Number(options.height), Number(options.winternitz)) }))
}

/** Changes `keys` in handover.json and leaves the rest as it is. */
function nameKeys(config: Config, files: readonly string[]): void {
    const content = config.exists ? (JSON.parse(readFileSync(config.file, "utf8")) as ConfigFile) : {}
    const keys = files.map(f => relative(config.projectDir, f))
    writeFileSync(config.file, `${JSON.stringify({ ...content, keys }, undefined, 4)}\n`)
}

function describe(file: string, info: KeyInfo) {
    return { file: shown(file), keyId: info.keyId, parameters: lmsParametersName(info.parameters), remaining: info.remaining, total: info.total, low: info.low }
}

function format(file: string, info: KeyInfo): string {
    return `${shown(file)}: key ${info.keyId}\n  ${lmsParametersName(info.parameters)}, signatures of ${info.parameters.hssSignatureSizeBytes} bytes\n  ${info.remaining} of ${info.total} signatures left`
}
