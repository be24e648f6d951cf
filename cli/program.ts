import { Command } from "commander"
import { toolchainVersion } from "../toolchain/pack/base-bundle.ts"
import { addBuild } from "./commands/build.ts"
import { addDiff } from "./commands/diff.ts"
import { exitCodeHelp } from "./exit-codes.ts"

/** The command with all its verbs. */
export function handoverProgram(): Command {
    const program = new Command("handover")
        .description("Updates the firmware of DeviceScript boards while it runs.")
        .version(toolchainVersion)
        .option("--json", "the result as JSON on one line")
        .option("--verbose", "say more; show where an error came from")
        .option("--project <dir>", "the project's folder", ".")
        .option("--server <url>", "the server's address")
        .exitOverride()
        .showSuggestionAfterError()
        .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
        .addHelpText("after", exitCodeHelp)
    for (const add of [addBuild, addDiff]) add(program)
    return program
}
