import type { Command } from "commander"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { baseBundle, encodeBaseBundle } from "../../toolchain/pack/base-bundle.ts"
import { keyIdOf } from "../../toolchain/sign/index.ts"
import { CliError } from "../cli-error.ts"
import { collect } from "../option-values.ts"
import { table } from "../output.ts"
import { bundlesFolder, inProject, shown } from "../paths.ts"
import { compile } from "../project-programs.ts"
import { action, type Session } from "../session.ts"
import { keysToTrust, noKey } from "../signers.ts"
import { type SizeReport, sizeReport } from "../size-report.ts"
import { checkVersion } from "../versions.ts"

interface Options {
    readonly release?: string
    readonly key?: string[]
    readonly keys: boolean
    readonly out?: string
}

export function addBuild(program: Command): void {
    program
        .command("build")
        .summary("compile the project and link a base")
        .description(
            "Compiles the project and links the base that boards get over USB:\n" +
                "OUT/base.devs (deploy it), OUT/base-dbg.json (its debug information), OUT/base.json (keep it: updates are built against it).",
        )
        .option("--release <version>", "what the base calls itself (default: the package's version)")
        .option("--key <file>", "key that the base trusts: a key file, or a public key of \"keys export-public\"; twice for two", collect)
        .option("--no-keys", "a base that trusts no key and so takes no update over the air")
        .option("--out <dir>", "folder for the result (default: \"built\")")
        .action(action(build))
}

async function build({ out, config }: Session, options: Options): Promise<void> {
    const version = checkVersion(options.release ?? config.packageVersion ?? "0.0.0")
    const keys = options.keys ? keysToTrust(config, options.key ?? []) : []
    if (options.keys && !keys.length) throw noKey()
    if (keys.length > 2) throw new CliError("HOV_CLI_USAGE", `a base has room for two keys, not ${keys.length}`)
    const outDir = options.out === undefined ? config.outDir : inProject(config, options.out)
    const bundle = baseBundle(await compile(out, config, keys), version)
    const { linked, baseId } = bundle
    const before = replacedBase(join(outDir, "base.json"))
    const text = encodeBaseBundle(bundle)
    mkdirSync(bundlesFolder(outDir), { recursive: true })
    const files = {
        program: join(outDir, "base.devs"),
        debug: join(outDir, "base-dbg.json"),
        bundle: join(outDir, "base.json"),
        kept: join(bundlesFolder(outDir), `${baseId}.json`),
    }
    writeFileSync(files.program, linked.file)
    writeFileSync(files.debug, JSON.stringify(linked.debug))
    writeFileSync(files.kept, text)
    writeFileSync(files.bundle, text)
    if (before !== undefined && before !== baseId)
        out.note(`base.json was of base ${before}; its bundle stays in ${shown(join(bundlesFolder(outDir), `${before}.json`))}`)
    const sizes = sizeReport(linked)
    const result = { ok: true, version, baseId, trustedKeys: keys.map(keyIdOf), replaceable: linked.hosts.length, sizes, files: Object.fromEntries(Object.entries(files).map(([k, f]) => [k, shown(f)])) }
    out.result(result, () =>
        [
            `base ${version}, id ${baseId}, trusts ${keys.map(keyIdOf).join(", ") || "no key"}`,
            formatSizes(sizes),
            `${linked.hosts.length} functions can be replaced`,
            `${shown(files.program)}  deploy it: devs deploy ${shown(files.program)}`,
            `${shown(files.bundle)}  keep it as long as boards run this base`,
        ].join("\n"),
    )
}

export function formatSizes(sizes: SizeReport): string {
    const { code } = sizes
    const percent = (n: number) => `${((100 * n) / sizes.codeLimitBytes).toFixed(1)} %`
    const row = (name: string, n: number) => [`  ${name}`, n, percent(n)]
    return [
        table([
            row("executor", code.executorBytes),
            row("preludes", code.preludesBytes),
            row("resident", code.residentBytes),
            row("libraries", code.librariesBytes),
            row("app", code.appBytes),
            row("tables", code.tablesBytes),
            row("free", sizes.freeBytes),
            row("limit of code", sizes.codeLimitBytes),
        ]),
        `  strings, numbers, specs: ${Object.values(sizes.data).reduce((n, x) => n + x, 0)} bytes; file: ${sizes.fileBytes} bytes`,
    ].join("\n")
}

function replacedBase(file: string): string | undefined {
    if (!existsSync(file)) return undefined
    return /"baseId": ?"([0-9a-f]{16})"/.exec(readFileSync(file, "utf8").slice(0, 400))?.[1]
}
