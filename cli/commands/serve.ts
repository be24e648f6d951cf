import type { ChildProcess } from "node:child_process"
import { type Command, Option } from "commander"
import { join } from "node:path"
import type { Cloud, CloudOptions } from "../../cloud/index.ts"
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
    const { arrival, createLog, offerTakeover, optionsFromEnvironment, startAsNext, startCloud } = await import("../../cloud/index.ts")
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
    const log = createLog(options.logLevel ?? "warn")
    const start = (door?: CloudOptions["door"]): Promise<Cloud> =>
        startCloud({ dataDir, host: options.host, port: options.port, logLevel: options.logLevel, pollMs: options.pollMs, ...optionsFromEnvironment(env), door })
    let cloud: Cloud
    try {
        cloud = await start(arriving?.door)
    } catch (error) {
        // A database that is open already, or the channel to the other server, must not keep this process.
        setTimeout(() => process.exit(), EXIT_MS).unref()
        throw error
    }
    arriving?.onConnection(socket => cloud.server.emit("connection", socket) && socket.resume())
    arriving?.serving()
    const { port } = new URL(cloud.url)
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
                    cloud = await startCloud({ dataDir, host: options.host, port: Number(port), logLevel: options.logLevel, pollMs: options.pollMs, ...optionsFromEnvironment(env) })
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

/** The child is the server: it is stopped with this process, and its exit code is ours. */
async function followed(next: ChildProcess, stopped: Promise<void>): Promise<number> {
    void stopped.then(() => next.kill("SIGTERM"))
    return new Promise(resolve => next.once("exit", code => resolve(code ?? EXIT.failed)))
}
