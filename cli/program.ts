import { Command } from "commander"
import { toolchainVersion } from "../toolchain/pack/base-bundle.ts"
import { addBuild } from "./commands/build.ts"
import { addDevices } from "./commands/devices.ts"
import { addDiff } from "./commands/diff.ts"
import { addInspect } from "./commands/inspect.ts"
import { addKeys } from "./commands/keys.ts"
import { addLogs } from "./commands/logs.ts"
import { addPublish } from "./commands/publish.ts"
import { addRelease } from "./commands/release.ts"
import { addReleases } from "./commands/releases.ts"
import { addServe } from "./commands/serve.ts"
import { addSymbolize } from "./commands/symbolize.ts"
import { addTokens } from "./commands/tokens.ts"
import { addTrigger } from "./commands/trigger.ts"
import { addUpdater } from "./commands/updater.ts"
import { exitCodeHelp } from "./exit-codes.ts"

const verbs = [addKeys, addBuild, addDiff, addRelease, addPublish, addTrigger, addUpdater, addLogs, addSymbolize, addInspect, addDevices, addReleases, addTokens, addServe]

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
    for (const add of verbs) add(program)
    return program
}
