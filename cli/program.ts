import { Command } from "commander"
import { readFileSync } from "node:fs"
import { exitCodeHelp } from "./exit-codes.ts"

type AddVerb = (program: Command) => void

/** In the order of the help. Each brings its own parts of the toolchain, so only what is asked for is loaded. */
const verbs: Readonly<Record<string, () => Promise<AddVerb>>> = {
    init: async () => (await import("./commands/init.ts")).addInit,
    keys: async () => (await import("./commands/keys.ts")).addKeys,
    build: async () => (await import("./commands/build.ts")).addBuild,
    simulate: async () => (await import("./commands/simulate.ts")).addSimulate,
    debug: async () => (await import("./commands/debug.ts")).addDebug,
    dev: async () => (await import("./commands/dev.ts")).addDev,
    test: async () => (await import("./commands/test.ts")).addTest,
    diff: async () => (await import("./commands/diff.ts")).addDiff,
    release: async () => (await import("./commands/release.ts")).addRelease,
    "release show": async () => (await import("./commands/release-show.ts")).addReleaseGroup,
    consolidate: async () => (await import("./commands/consolidate.ts")).addConsolidate,
    publish: async () => (await import("./commands/publish.ts")).addPublish,
    push: async () => (await import("./commands/push.ts")).addPush,
    settings: async () => (await import("./commands/settings.ts")).addSettings,
    trigger: async () => (await import("./commands/trigger.ts")).addTrigger,
    updater: async () => (await import("./commands/updater.ts")).addUpdater,
    logs: async () => (await import("./commands/logs.ts")).addLogs,
    symbolize: async () => (await import("./commands/symbolize.ts")).addSymbolize,
    ledger: async () => (await import("./commands/ledger.ts")).addLedger,
    inspect: async () => (await import("./commands/inspect.ts")).addInspect,
    budget: async () => (await import("./commands/budget.ts")).addBudget,
    bases: async () => (await import("./commands/bases.ts")).addBases,
    devices: async () => (await import("./commands/devices.ts")).addDevices,
    groups: async () => (await import("./commands/groups.ts")).addGroups,
    releases: async () => (await import("./commands/releases.ts")).addReleases,
    rollouts: async () => (await import("./commands/rollouts.ts")).addRollouts,
    experiments: async () => (await import("./commands/experiments.ts")).addExperiments,
    tokens: async () => (await import("./commands/tokens.ts")).addTokens,
    webhooks: async () => (await import("./commands/webhooks.ts")).addWebhooks,
    audit: async () => (await import("./commands/audit.ts")).addAudit,
    export: async () => (await import("./commands/export.ts")).addExport,
    fleet: async () => (await import("./commands/fleet.ts")).addFleet,
    serve: async () => (await import("./commands/serve.ts")).addServe,
    server: async () => (await import("./commands/server-handover.ts")).addServerHandover,
}

/** The command, with the verb that the arguments ask for; with all verbs when they ask for none that there is. */
export async function handoverProgram(args: readonly string[]): Promise<Command> {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
    const program = new Command("handover")
        .description("Updates the firmware of DeviceScript boards while it runs.")
        .version(version)
        .option("--json", "the result as JSON on one line")
        .option("--verbose", "say more; show where an error came from")
        .option("--project <dir>", "the project's folder", ".")
        .option("--server <url>", "the server's address")
        .exitOverride()
        .showSuggestionAfterError()
        .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
        .addHelpText("after", exitCodeHelp)
    for (const name of asked(args)) (await verbs[name]())(program)
    return program
}

const optionsWithValue = ["--project", "--server"]

function asked(args: readonly string[]): readonly string[] {
    const words = args.filter((a, i) => !a.startsWith("-") && !optionsWithValue.includes(args[i - 1]))
    const [verb] = words
    // "release VERSION" and "release show": two commands of one name
    if (verb === "release" && words[1] === "show") return ["release show"]
    const name = verb === "rollout" ? "rollouts" : verb
    return name !== undefined && Object.hasOwn(verbs, name) ? [name] : Object.keys(verbs).filter(v => v !== "release show")
}
