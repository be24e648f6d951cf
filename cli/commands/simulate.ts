import { type Command, Option } from "commander"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { CliError } from "../cli-error.ts"
import { readEnvFiles } from "../env-file.ts"
import { wholeNumber } from "../option-values.ts"
import { inProject, shown } from "../paths.ts"
import { action, type Session } from "../session.ts"

interface Options {
    readonly env?: string
    readonly flash?: string
    readonly chip: "esp32" | "rp2040"
    readonly id: string
    readonly fresh?: boolean
    readonly seconds?: number
}

export function addSimulate(program: Command): void {
    program
        .command("simulate [file]")
        .summary("run the base on a simulated board")
        .description(
            "Runs OUT/base.devs, or another .devs file, on the stock virtual machine with a flash of its own and prints its serial log.\n" +
                "Settings come from .env.defaults and .env.local, and from --env. The flash is kept from run to run, as a board's is.",
        )
        .option("--env <file>", "more settings, e.g. what \"devices add --env\" wrote")
        .option("--flash <file>", "where the flash is kept (default: OUT/simulator.flash)")
        .option("--fresh", "begin with an erased flash")
        .addOption(new Option("--chip <chip>", "kind of board").choices(["esp32", "rp2040"]).default("esp32"))
        .option("--id <hex>", "device id, 16 hex digits", "5155510000000001")
        .option("--seconds <n>", "stop after this time (default: run until Ctrl-C)", wholeNumber)
        .action(action(simulate))
}

async function simulate({ out, config }: Session, options: Options, file: string | undefined): Promise<void> {
    const programFile = file === undefined ? join(config.outDir, "base.devs") : inProject(config, file)
    if (!existsSync(programFile)) throw new CliError("HOV_CLI_FILE", `there is no ${shown(programFile)}: run "handover build" first`)
    if (options.env !== undefined && !existsSync(inProject(config, options.env))) throw new CliError("HOV_CLI_FILE", `there is no ${options.env}`)
    if (!/^[0-9a-f]{16}$/i.test(options.id)) throw new CliError("HOV_CLI_USAGE", `--id ${options.id}: a device id has 16 hex digits`)
    const flashFile = options.flash === undefined ? join(config.outDir, "simulator.flash") : inProject(config, options.flash)
    const kept = existsSync(flashFile) && !options.fresh
    // the simulator is loaded by this verb only
    const { CHIPS, createBoard, readSetting } = await import("../../sim/index.ts")
    const flash = kept ? new Uint8Array(readFileSync(flashFile)) : undefined
    if (flash && flash.length !== CHIPS[options.chip].flashSizeBytes)
        throw new CliError("HOV_CLI_FILE_KIND", `${shown(flashFile)} is not the flash of an ${options.chip}: use --fresh, or another --flash`)
    const envFiles = [".env.defaults", ".env.local"].map(f => inProject(config, f))
    if (options.env !== undefined) envFiles.push(inProject(config, options.env))
    // a kept flash has its settings already; every write wears it
    const changed = Object.fromEntries(Object.entries(readEnvFiles(envFiles)).filter(([key, value]) => flash === undefined || stored(() => readSetting(flash, key)) !== value))
    const board = await createBoard({
        deviceId: options.id,
        chip: options.chip,
        program: new Uint8Array(readFileSync(programFile)),
        flash,
        settings: changed,
    })
    try {
        board.onLine((text, tMs) => out.result({ tMs: Math.round(tMs), text }, text))
        out.note(`${shown(programFile)} on a simulated ${options.chip}, device ${options.id}${kept ? `, flash from ${shown(flashFile)}` : ""}; Ctrl-C ends it`)
        await board.powerOn()
        await new Promise<void>(resolve => {
            process.once("SIGINT", () => resolve())
            process.once("SIGTERM", () => resolve())
            if (options.seconds !== undefined) setTimeout(resolve, options.seconds * 1000)
        })
        await board.powerOff()
        mkdirSync(dirname(flashFile), { recursive: true })
        writeFileSync(flashFile, board.flash.contents())
    } finally {
        await board.close()
    }
}

/** A value that is no JSON was put there by something else. */
function stored(read: () => unknown): unknown {
    try {
        return read()
    } catch {
        return undefined
    }
}
