import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Board } from "../sim/index.ts"
import { CliError } from "./cli-error.ts"
import { readEnvFiles } from "./env-file.ts"
import { inProject, shown } from "./paths.ts"
import type { Session } from "./session.ts"

export interface SimulatedBoardOptions {
    /** .devs file (default: OUT/base.devs) */
    readonly file?: string
    /** more settings */
    readonly env?: string
    /** where the flash is kept (default: OUT/simulator.flash) */
    readonly flash?: string
    /** default: what the kept flash belongs to, else esp32 */
    readonly chip?: "esp32" | "rp2040"
    readonly id?: string
    /** begin with an erased flash */
    readonly fresh?: boolean
}

const ID = "5155510000000001"

/** A simulated board with the flash of the last time; `use` powers it on, and what it left in its flash is kept. */
export async function withSimulatedBoard<T>({ config }: Session, options: SimulatedBoardOptions, use: (board: Board, about: string) => Promise<T>): Promise<T> {
    const { file, env, id = ID } = options
    const programFile = file === undefined ? join(config.outDir, "base.devs") : inProject(config, file)
    if (!existsSync(programFile)) throw new CliError("HOV_CLI_FILE", `there is no ${shown(programFile)}: run "handover build" first`)
    if (env !== undefined && !existsSync(inProject(config, env))) throw new CliError("HOV_CLI_FILE", `there is no ${env}`)
    if (!/^[0-9a-f]{16}$/i.test(id)) throw new CliError("HOV_CLI_USAGE", `--id ${id}: a device id has 16 hex digits`)
    const flashFile = options.flash === undefined ? join(config.outDir, "simulator.flash") : inProject(config, options.flash)
    const kept = existsSync(flashFile) && !options.fresh
    // the simulator is loaded by the verbs that need it only
    const { CHIPS, createBoard, readSetting } = await import("../sim/index.ts")
    const flash = kept ? new Uint8Array(readFileSync(flashFile)) : undefined
    const chip = options.chip ?? (flash?.length === CHIPS.rp2040.flashSizeBytes ? "rp2040" : "esp32")
    if (flash && flash.length !== CHIPS[chip].flashSizeBytes)
        throw new CliError("HOV_CLI_FILE_KIND", `${shown(flashFile)} is not the flash of an ${chip}: use --fresh, or another --flash`)
    const envFiles = [".env.defaults", ".env.local"].map(f => inProject(config, f))
    if (env !== undefined) envFiles.push(inProject(config, env))
    // a kept flash has its settings already; every write wears it
    const changed = Object.fromEntries(Object.entries(readEnvFiles(envFiles)).filter(([key, value]) => flash === undefined || stored(() => readSetting(flash, key)) !== value))
    const board = await createBoard({ deviceId: id, chip, program: new Uint8Array(readFileSync(programFile)), flash, settings: changed })
    try {
        const about = `${shown(programFile)} on a simulated ${chip}, device ${id}${kept ? `, flash from ${shown(flashFile)}` : ""}`
        const result = await use(board, about)
        await board.powerOff()
        mkdirSync(dirname(flashFile), { recursive: true })
        writeFileSync(flashFile, board.flash.contents())
        return result
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
