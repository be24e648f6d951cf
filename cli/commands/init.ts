import type { Command } from "commander"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { CliError } from "../cli-error.ts"
import { lineDiff } from "../init/line-diff.ts"
import { type Change, InitError, planInit } from "../init/plan.ts"
import { action, type Session } from "../session.ts"

interface Options {
    readonly entry?: string
    readonly bus?: boolean
    readonly dryRun?: boolean
}

const require = createRequire(import.meta.url)

export function addInit(program: Command): void {
    program
        .command("init")
        .summary("make the project updatable")
        .description(
            "Adds to a DeviceScript project what it needs to be updated while it runs, or makes a new project in an empty folder.\n" +
                "Shows every change. What is there already stays: run a second time, it changes nothing.",
        )
        .option("--entry <file>", "source file of the program (default: \"src/main.ts\")")
        .option("--bus", "also the Jacdac service, for updates over USB or from another board")
        .option("--dry-run", "only show the changes")
        .action(action(init))
}

async function init({ config, out }: Session, options: Options): Promise<void> {
    const { dependencies, version } = require("../../package.json") as { version: string; dependencies: Record<string, string> }
    const file = (path: string) => join(config.projectDir, path)
    const changes = plan(path => (existsSync(file(path)) ? readFileSync(file(path), "utf8") : undefined), {
        folder: basename(config.projectDir),
        entry: options.entry ?? config.entry,
        handover: `^${version}`,
        devicescript: dependencies["@devicescript/cli"],
        service: options.bus ? readFileSync(serviceFile(), "utf8") : undefined,
    })
    if (!options.dryRun)
        for (const { path, after } of changes) {
            mkdirSync(dirname(file(path)), { recursive: true })
            writeFileSync(file(path), after)
        }
    const listed = changes.map(({ path, before }) => ({ path, is: before === undefined ? "new" : "changed" }))
    out.result({ ok: true, dryRun: options.dryRun === true, changes: listed }, () =>
        [...changes.map(shownChange), changes.length ? next(config.keyFiles.length > 0) : "nothing to change: the project is ready"].join("\n"),
    )
}

function plan(...args: Parameters<typeof planInit>): Change[] {
    try {
        return planInit(...args)
    } catch (e) {
        if (e instanceof InitError) throw new CliError("HOV_CLI_FILE", e.message)
        throw e
    }
}

/** Beside the sources, and one level further up from the shipped JavaScript. */
function serviceFile(): string {
    const found = ["../../services/bootloader.md", "../../../services/bootloader.md"].map(path => join(import.meta.dirname, path)).find(existsSync)
    if (found === undefined) throw new CliError("HOV_CLI_FILE", "services/bootloader.md is missing in the installed package: install it again")
    return found
}

const shownChange = ({ path, before, after }: Change): string => `${before === undefined ? "new" : "changed"}  ${path}\n${lineDiff(before, after).replace(/^/gm, "    ")}`

const next = (hasKey: boolean): string =>
    [
        "",
        "Next:",
        "  npm install",
        ...(hasKey ? [] : ["  npx handover keys new keys/1.key   # HANDOVER_KEY_PASSPHRASE holds its passphrase"]),
        "  npx handover build                 # built/base.devs: deploy it with npx devs deploy built/base.devs",
        "  edit a function, then: npx handover diff",
    ].join("\n")
