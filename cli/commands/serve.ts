import { type Command, Option } from "commander"
import { join } from "node:path"
import type { CloudOptions } from "../../cloud/index.ts"
import { inProject, shown } from "../paths.ts"
import { action, type Session } from "../session.ts"
import { wholeNumber } from "../option-values.ts"

interface Options {
    readonly data: string
    readonly host: string
    readonly port: number
    readonly logLevel: CloudOptions["logLevel"]
    readonly pollMs?: number
}

export function addServe(program: Command): void {
    program
        .command("serve")
        .summary("run the update server")
        .description(
            "Runs the update server until it is stopped (SIGINT, SIGTERM). The first admin's token is in DATA/admin.token;\n" +
                "HANDOVER_ADMIN_TOKEN sets another one. DATABASE_URL names a PostgreSQL for several servers, HANDOVER_BLOBS an\n" +
                "S3 bucket for the images. It listens on loopback unless told otherwise: put TLS in front of it.",
        )
        .option("--data <dir>", "folder for the database and the images", "handover-data")
        .option("--host <address>", "address to listen on", "127.0.0.1")
        .option("--port <n>", "port to listen on; 0 takes a free one", wholeNumber, 8070)
        .option("--poll-ms <n>", "interval that boards are told for plain polls", wholeNumber)
        .addOption(new Option("--log-level <level>", "what goes to the error stream").choices(["trace", "debug", "info", "warn", "error", "silent"]).default("warn"))
        .action(action(serve))
}

async function serve({ out, config, env }: Session, options: Options): Promise<void> {
    // the server's packages are loaded by this verb only
    const { optionsFromEnvironment, startCloud } = await import("../../cloud/index.ts")
    const dataDir = inProject(config, options.data)
    const stopped = new Promise<void>(resolve => {
        process.once("SIGINT", () => resolve())
        process.once("SIGTERM", () => resolve())
    })
    const given = env.HANDOVER_ADMIN_TOKEN || undefined
    const cloud = await startCloud({ dataDir, host: options.host, port: options.port, logLevel: options.logLevel, pollMs: options.pollMs, ...optionsFromEnvironment(env) })
    const tokenFile = given === undefined ? shown(join(dataDir, "admin.token")) : undefined
    out.result({ ok: true, url: cloud.url, dataDir: shown(dataDir), adminTokenFile: tokenFile }, () =>
        [
            `the server listens on ${cloud.url} (console: ${cloud.url}/console/, API: ${cloud.url}/docs)`,
            tokenFile === undefined ? "the admin's token is the one of HANDOVER_ADMIN_TOKEN" : `the admin's token: export HANDOVER_TOKEN_FILE=${tokenFile}`,
        ].join("\n"),
    )
    await stopped
    await cloud.close()
}
