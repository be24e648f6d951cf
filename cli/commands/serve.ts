import type { ChildProcess } from "node:child_process"
import { type Command, Option } from "commander"
import { join } from "node:path"
import type { Cloud, CloudOptions } from "../../cloud/index.ts"
import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import { inProject, shown } from "../paths.ts"
import { action, type Session } from "../session.ts"
import { port, wholeNumber } from "../option-values.ts"

interface Options {
    readonly data: string
    readonly host: string
    readonly port: number
    readonly logLevel: CloudOptions["logLevel"]
    readonly pollMs?: number
    readonly takeover?: boolean
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
        .option("--port <n>", "port to listen on; 0 takes a free one", port, 8070)
        .option("--poll-ms <n>", "interval that boards are told for plain polls", wholeNumber)
        .option("--takeover", "take over from the server that runs with this data folder: port and connections, without a gap")
        .addOption(new Option("--log-level <level>", "what goes to the error stream").choices(["trace", "debug", "info", "warn", "error", "silent"]).default("warn"))
        .action(action(serve))
}

/** Clients that talk go by themselves meanwhile; silent ones are hung up on after it. */
const GRACE_MS = 1_000
const EXIT_MS = 200

async function serve({ out, config, env }: Session, options: Options): Promise<number> {
    // the server's packages are loaded by this verb only
    const { arrival, createLog, isServed, offerTakeover, optionsFromEnvironment, startAsNext, startCloud } = await import("../../cloud/index.ts")
    const dataDir = inProject(config, options.data)
    let stop: () => void = () => {}
    const stopped = new Promise<void>(resolve => {
        stop = resolve
        process.once("SIGINT", () => resolve())
        process.once("SIGTERM", () => resolve())
    })
    const arriving = arrival()
    if (options.takeover && arriving === undefined) {
        const next = await startAsNext(dataDir)
        if (next !== undefined) return followed(next, stopped)
        out.note("there is no server to take over from: this one starts by itself")
    }
    const given = env.HANDOVER_ADMIN_TOKEN || undefined
    const set = optionsFromEnvironment(env)
    if (arriving === undefined && set.databaseUrl === undefined && (await isServed(dataDir)))
        throw new CliError("HOV_CLI_USAGE", `a server runs with the data folder ${shown(dataDir)} already: --takeover takes over from it, --data names another folder`)
    const log = createLog(options.logLevel ?? "warn")
    const start = (door?: CloudOptions["door"]): Promise<Cloud> =>
        startCloud({ dataDir, host: options.host, port: options.port, logLevel: options.logLevel, pollMs: options.pollMs, ...set, door })
    let cloud: Cloud
    try {
        cloud = await start(arriving?.door)
    } catch (error) {
        // A database that is open already, or the channel to the other server, must not keep this process.
        setTimeout(() => process.exit(), EXIT_MS).unref()
        throw toldOf(error, options, set.databaseUrl !== undefined)
    }
    arriving?.onConnection(socket => cloud.server.emit("connection", socket) && socket.resume())
    arriving?.serving()
    const { port: portNow } = new URL(cloud.url)
    const offer = (): Promise<() => Promise<void>> =>
        offerTakeover({
            dataDir,
            server: cloud.server,
            log,
            release: () => cloud.close({ graceMs: GRACE_MS }),
            onTaken: stop,
            onLost: () => {
                log.error("the server that was to take over has ended: this one serves again")
                void (async () => {
                    cloud = await startCloud({ dataDir, host: options.host, port: Number(portNow), logLevel: options.logLevel, pollMs: options.pollMs, ...set })
                    withdraw = await offer()
                })().catch(error => {
                    log.fatal({ err: error }, "it cannot")
                    process.exit(1)
                })
            },
        })
    let withdraw = await offer()
    const tokenFile = given === undefined ? shown(join(dataDir, "admin.token")) : undefined
    out.result({ ok: true, url: cloud.url, dataDir: shown(dataDir), adminTokenFile: tokenFile }, () =>
        [
            `the server listens on ${cloud.url} (console: ${cloud.url}/console/, API: ${cloud.url}/docs)`,
            tokenFile === undefined ? "the admin's token is the one of HANDOVER_ADMIN_TOKEN" : `the admin's token: export HANDOVER_TOKEN_FILE=${tokenFile}`,
        ].join("\n"),
    )
    await stopped
    await withdraw()
    await cloud.close()
    return EXIT.ok
}

/** Why it does not start, and what to do, as far as that can be known. */
function toldOf(error: unknown, { host, port }: Options, hasDatabaseUrl: boolean): unknown {
    const { code, syscall, severity, message } = error as { code?: string; syscall?: string; severity?: string; message: string }
    if (code === "EADDRINUSE") return new CliError("HOV_CLI_USAGE", `port ${port} of ${host} is in use: stop what listens there, or take another one with --port`)
    if (code === "EACCES" && syscall === "listen") return new CliError("HOV_CLI_USAGE", `this user may not listen on port ${port}: take one above 1023 with --port`)
    if (syscall === "listen" || (code === "ENOTFOUND" && !hasDatabaseUrl)) return new CliError("HOV_CLI_USAGE", `${host} is no address of this machine (${code}): give --host another one`)
    if (hasDatabaseUrl && severity !== undefined) return new CliError("HOV_CLI_CONFIG", `the database of DATABASE_URL refuses: ${message}`)
    if (hasDatabaseUrl && (syscall === "connect" || syscall === "getaddrinfo"))
        return new CliError("HOV_CLI_UNREACHABLE", `the database of DATABASE_URL cannot be reached (${code}): is it running, and the address right?`, EXIT.unreachable)
    if (code === "SQLITE_NOTADB") return new CliError("HOV_CLI_FILE_KIND", "handover.db in the data folder is no database: restore it, or name another folder with --data")
    return error
}

/** The child is the server: it is stopped with this process, and its exit code is ours. */
async function followed(next: ChildProcess, stopped: Promise<void>): Promise<number> {
    void stopped.then(() => next.kill("SIGTERM"))
    return new Promise(resolve => next.once("exit", code => resolve(code ?? EXIT.failed)))
}
