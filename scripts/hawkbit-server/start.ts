/** A throw-away hawkBit on a free loopback port, with its database in memory. */
import { spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Program } from "./resolve.ts"
import { resolveHawkbit } from "./resolve.ts"

const USER = "admin"
const PASSWORD = "admin"
const START_MS = 600_000
const PROGRESS_MS = 10_000
/**
 * Runs the server until its own standard input ends, which it does with this process, however that
 * dies. Nothing of it is worth keeping, so it is killed.
 */
const GUARD = '"$@" & server=$!; echo "$server"; read -r _; kill -KILL $server 2>/dev/null; wait $server; rm -rf "$0"'

export interface HawkbitServer {
    readonly url: string
    readonly port: number
    readonly user: string
    readonly password: string
    readonly version: string
    readonly origin: string
    readonly pid: number
    /** Everything in it is gone, as with a SIGKILL; `startHawkbit({ port })` begins anew. */
    stop(): Promise<void>
    /** Stops its process without ending it (SIGSTOP), and lets it go on. */
    freeze(): void
    thaw(): void
}

export interface HawkbitServerOptions {
    readonly port?: number
    readonly version?: string
    readonly say?: (line: string) => void
    /** The rollouts' scheduler, ms; hawkBit's own is 2 s. */
    readonly rolloutTickMs?: number
    /** For measurements: Java's own settings, which start slower and run faster. */
    readonly forSpeed?: boolean
}

/** @throws NoHawkbit when it cannot be had on this machine */
export async function startHawkbit(options: HawkbitServerOptions = {}): Promise<HawkbitServer> {
    const say = options.say ?? (() => {})
    const program = await resolveHawkbit(options.version, say)
    const port = options.port ?? (await freePort())
    const folder = await mkdtemp(path.join(tmpdir(), "handover-hawkbit-"))
    const child = spawn("sh", ["-c", GUARD, folder, "java", ...javaOptions(program, port, folder, options)], {
        cwd: folder,
        stdio: ["pipe", "pipe", "pipe"],
    })
    let log = ""
    let pid = 0
    for (const stream of [child.stdout, child.stderr])
        stream.on("data", part => {
            log = (log + part).slice(-6_000)
            pid ||= Number(/^\d+/.exec(log)?.[0] ?? 0)
        })
    const exited = new Promise<void>(resolve => child.once("exit", () => resolve()))
    const stop = async (): Promise<void> => {
        child.stdin.end()
        await exited
        await rm(folder, { recursive: true, force: true })
    }
    const url = `http://127.0.0.1:${port}`
    const startMs = Date.now()
    let saidMs = startMs
    while (!(await answers(url))) {
        const nowMs = Date.now()
        if (child.exitCode !== null || nowMs > startMs + START_MS || (pid !== 0 && !isAlive(pid))) {
            await stop()
            throw new Error(`hawkBit did not start:\n${log}`)
        }
        if (nowMs > saidMs + PROGRESS_MS) {
            say(`hawkBit ${program.version} starts: ${Math.round((nowMs - startMs) / 1000)} s`)
            saidMs = nowMs
        }
        await new Promise(resolve => setTimeout(resolve, 250))
    }
    say(`hawkBit ${program.version} (${program.origin}) answers at ${url} after ${((Date.now() - startMs) / 1000).toFixed(1)} s`)
    return {
        url,
        port,
        user: USER,
        password: PASSWORD,
        version: program.version,
        origin: program.origin,
        pid,
        stop,
        freeze: () => process.kill(pid, "SIGSTOP"),
        thaw: () => process.kill(pid, "SIGCONT"),
    }
}

const javaOptions = (program: Program, port: number, folder: string, { rolloutTickMs = 500, forSpeed = false }: HawkbitServerOptions): string[] => [
    "-Xmx1g",
    ...(forSpeed ? [] : ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]),
    // The parts are older than Java 17's locks on its own insides.
    ...["java.lang", "java.util", "java.io", "java.net"].map(name => `--add-opens=java.base/${name}=ALL-UNNAMED`),
    ...program.javaArguments,
    "--server.address=127.0.0.1",
    `--server.port=${port}`,
    "--spring.main.allow-bean-definition-overriding=true",
    `--spring.security.user.name=${USER}`,
    `--spring.security.user.password={noop}${PASSWORD}`,
    `--spring.datasource.url=jdbc:h2:mem:handover-${port};MODE=MySQL;DB_CLOSE_ON_EXIT=FALSE`,
    `--org.eclipse.hawkbit.repository.file.path=${path.join(folder, "artifacts")}`,
    "--spring.servlet.multipart.max-file-size=300MB",
    "--spring.servlet.multipart.max-request-size=300MB",
    "--hawkbit.server.ddi.security.authentication.targettoken.enabled=true",
    "--hawkbit.server.ddi.security.authentication.gatewaytoken.enabled=true",
    "--hawkbit.server.security.dos.filter.enabled=false",
    `--hawkbit.rollout.scheduler.fixedDelay=${rolloutTickMs}`,
    "--logging.level.root=WARN",
]

async function answers(url: string): Promise<boolean> {
    const authorization = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`
    try {
        const response = await fetch(`${url}/rest/v1/targets?limit=1`, { headers: { authorization }, signal: AbortSignal.timeout(10_000) })
        await response.arrayBuffer()
        return response.status === 200
    } catch {
        return false
    }
}

function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0)
        return true
    } catch {
        return false
    }
}

async function freePort(): Promise<number> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    await new Promise(resolve => server.close(resolve))
    return port
}
