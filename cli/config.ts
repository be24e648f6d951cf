import { existsSync, readFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { type BudgetedChip, budgetedChips, chipBudget, largestImageBytes } from "../toolchain/format/budget.ts"
import { isKeepable } from "../toolchain/keep-library.ts"
import { CliError } from "./cli-error.ts"

/**
 * `handover.json` in the project's folder. Paths are relative to that folder. No secret belongs in it: tokens and
 * passphrases come from the environment.
 */
export interface ConfigFile {
    /** name of the releases at the server; default: the package's name */
    readonly app?: string
    /** the server's address, e.g. `https://updates.example.org`; HANDOVER_URL and --server come first */
    readonly server?: string
    /**
     * signing keys: the one in daily use, and perhaps the next one, which waits in a safe. A base trusts all of them; a board
     * lets the later key revoke the earlier one, never the other way round.
     */
    readonly keys?: readonly string[]
    /** a signer outside of this process in the place of a key file: it gets the message on its standard input */
    readonly signer?: { readonly command: readonly [string, ...string[]]; readonly publicKey: string }
    /** the chip of the boards, whose budget an image must fit; default: any, so the largest budget */
    readonly chip?: BudgetedChip
    /** vendor and class of the boards, u32 */
    readonly productId?: number
    /** names of the streams of releases that this project has */
    readonly channels?: readonly string[]
    /** source file of the program; default `src/main.ts` */
    readonly entry?: string
    /** folder for what is built; default `built` */
    readonly out?: string
    /** bundles of the bases that are in the field; default `OUT/base.json` */
    readonly bases?: readonly string[]
    /** library functions to link beforehand, so that an edit which is the first to call one stays small: `MODULE#NAME`, `TYPE.prototype.NAME` */
    readonly keep?: readonly string[]
}

export interface Config {
    readonly projectDir: string
    readonly file: string
    readonly exists: boolean
    readonly app: string
    readonly server: string | undefined
    readonly keyFiles: readonly string[]
    readonly signer: ConfigFile["signer"]
    readonly productId: number
    /** largest image that the boards take */
    readonly imageMaxBytes: number
    readonly channels: readonly string[]
    readonly entry: string
    readonly outDir: string
    readonly baseFiles: readonly string[]
    readonly packageVersion: string | undefined
    readonly keep: readonly string[]
}

export const CONFIG_FILE = "handover.json"

/** @throws CliError `HOV_CLI_CONFIG` */
export function readConfig(projectDir: string): Config {
    const project = resolve(projectDir)
    if (!existsSync(project)) throw new CliError("HOV_CLI_FILE", `there is no folder ${projectDir}: name the project's folder with --project`)
    const file = join(project, CONFIG_FILE)
    const exists = existsSync(file)
    const content = exists ? parseConfig(readFileSync(file, "utf8")) : {}
    const packageFile = join(project, "package.json")
    const manifest = existsSync(packageFile) ? readPackage(packageFile) : {}
    const outDir = resolve(project, content.out ?? "built")
    return {
        projectDir: project,
        file,
        exists,
        app: content.app ?? appName(manifest.name ?? basename(project)),
        server: content.server,
        keyFiles: (content.keys ?? []).map(f => resolve(project, f)),
        signer: content.signer,
        productId: content.productId ?? 0,
        imageMaxBytes: content.chip ? chipBudget(content.chip).imageMaxBytes : largestImageBytes,
        channels: content.channels ?? [],
        entry: content.entry ?? "src/main.ts",
        outDir,
        baseFiles: content.bases?.length ? content.bases.map(f => resolve(project, f)) : [join(outDir, "base.json")],
        packageVersion: manifest.version,
        keep: content.keep ?? [],
    }
}

type Check = (value: unknown) => string | undefined

const isText: Check = v => (typeof v === "string" && v !== "" ? undefined : "a text")
const isTexts: Check = v => (Array.isArray(v) && v.every(x => isText(x) === undefined) ? undefined : "a list of texts")
const fields: Readonly<Record<keyof ConfigFile, Check>> = {
    app: v => (typeof v === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(v) ? undefined : "letters, digits, '.', '_' and '-', at most 64"),
    server: v => (typeof v === "string" && /^https?:\/\/[^/]+/.test(v) ? undefined : "an address that begins with http:// or https://"),
    keys: v => isTexts(v) ?? ((v as string[]).length <= 2 ? undefined : "at most two key files: a base has room for two keys"),
    signer: v => {
        const s = v as ConfigFile["signer"] | null
        if (typeof s !== "object" || s === null || isTexts(s.command) || s.command.length === 0) return `{ "command": ["program", "argument"], "publicKey": "..." }`
        return typeof s.publicKey === "string" && /^[0-9a-f]{120}$/.test(s.publicKey) ? undefined : `a "publicKey" of 60 bytes as 120 hex digits`
    },
    chip: v => (budgetedChips.includes(v as BudgetedChip) ? undefined : `one of ${budgetedChips.join(", ")}`),
    productId: v => (Number.isInteger(v) && (v as number) >= 0 && (v as number) <= 0xffffffff ? undefined : "a whole number from 0 to 4294967295"),
    channels: isTexts,
    entry: isText,
    out: isText,
    bases: isTexts,
    keep: v => isTexts(v) ?? ((v as string[]).every(isKeepable) ? undefined : `a list of "MODULE#NAME" or "TYPE.prototype.NAME", as "@devicescript/runtime#schedule" or "Array.prototype.sort"`),
}

function parseConfig(text: string): ConfigFile {
    let content: unknown
    try {
        content = JSON.parse(text)
    } catch (e) {
        throw new CliError("HOV_CLI_CONFIG", `${CONFIG_FILE} is not valid JSON: ${(e as Error).message}`)
    }
    if (typeof content !== "object" || content === null || Array.isArray(content)) throw new CliError("HOV_CLI_CONFIG", `${CONFIG_FILE} must hold one object`)
    for (const [name, value] of Object.entries(content)) {
        if (/token|passphrase|password|secret/i.test(name))
            throw new CliError("HOV_CLI_CONFIG", `${CONFIG_FILE} must not hold "${name}": secrets come from the environment (see docs/cli.md)`)
        const check = (fields as Record<string, Check | undefined>)[name]
        if (!check) throw new CliError("HOV_CLI_CONFIG", `${CONFIG_FILE} has no field "${name}": it knows ${Object.keys(fields).join(", ")}`)
        const wanted = check(value)
        if (wanted !== undefined) throw new CliError("HOV_CLI_CONFIG", `"${name}" in ${CONFIG_FILE} must be ${wanted}`)
    }
    return content as ConfigFile
}

function readPackage(file: string): { name?: string; version?: string } {
    try {
        return JSON.parse(readFileSync(file, "utf8")) as { name?: string; version?: string }
    } catch (e) {
        throw new CliError("HOV_CLI_CONFIG", `package.json is not valid JSON: ${(e as Error).message}`)
    }
}

/** A package's name without its scope, in the letters that a release's name may have. */
function appName(packageName: string): string {
    return packageName.replace(/^@[^/]*\//, "").replace(/[^A-Za-z0-9._-]/g, "-").replace(/^[^A-Za-z0-9]+/, "") || "app"
}
