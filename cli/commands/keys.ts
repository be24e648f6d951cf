import { type Command, Option } from "commander"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, relative } from "node:path"
import { createKeyFile, type KeyInfo, lmsParameters, lmsParametersName, readKeyInfo, readPassphrase } from "../../toolchain/sign/index.ts"
import { CliError } from "../cli-error.ts"
import type { Config, ConfigFile } from "../config.ts"
import { withProgress } from "../progress.ts"
import { inProject, shown } from "../project-programs.ts"
import { action, type Session } from "../session.ts"
import { noKey, warnWhenLow } from "../signers.ts"

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
            .description("make the next key and put it in front of \"keys\" in handover.json; bases built from now on trust both"),
    ).action(action(rotate))
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
    const [old] = config.keyFiles
    nameKeys(config, [path, old])
    out.result({ ok: true, ...describe(path, info), before: describe(old, readKeyInfo(old)) }, () =>
        [
            format(path, info),
            "Next:",
            "  1. handover build, and bring the new base to the boards: it trusts both keys.",
            `  2. Keep ${shown(old)}: boards with an older base take only what it signed. "release" picks the right key for each base.`,
            `  3. When no board runs an older base, take the old key out of "keys" in handover.json.`,
        ].join("\n"),
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
