import { type Command, Option } from "commander"
import { wholeNumber } from "../option-values.ts"
import { action, type Session } from "../session.ts"
import { withSimulatedBoard } from "../simulated-board.ts"

interface Options {
    readonly env?: string
    readonly flash?: string
    readonly chip?: "esp32" | "rp2040"
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
        .addOption(new Option("--chip <chip>", "kind of board (default: that of the kept flash, else esp32)").choices(["esp32", "rp2040"]))
        .option("--id <hex>", "device id, 16 hex digits", "5155510000000001")
        .option("--seconds <n>", "stop after this time (default: run until Ctrl-C)", wholeNumber)
        .action(action(simulate))
}

async function simulate(session: Session, options: Options, file: string | undefined): Promise<void> {
    const { out } = session
    await withSimulatedBoard(session, { ...options, ...(file === undefined ? {} : { file }) }, async (board, about) => {
        board.onLine((text, tMs) => out.result({ tMs: Math.round(tMs), text }, text))
        out.note(`${about}; Ctrl-C ends it`)
        await board.powerOn()
        await new Promise<void>(resolve => {
            process.once("SIGINT", () => resolve())
            process.once("SIGTERM", () => resolve())
            if (options.seconds !== undefined) setTimeout(resolve, options.seconds * 1000)
        })
    })
}
