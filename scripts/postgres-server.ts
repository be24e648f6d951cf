/** A throw-away PostgreSQL of Debian's packages on a free loopback port. */
import { execFile, spawn } from "node:child_process"
import { chown, mkdtemp, readdir } from "node:fs/promises"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { promisify } from "node:util"
import pg from "pg"

const run = promisify(execFile)
const INSTALLED = "/usr/lib/postgresql"
const USER = "postgres"
const START_MS = 30_000
/**
 * Runs the server until its own standard input ends, which it does with this process, however that
 * dies; then shuts it down fast and removes its folder.
 */
const GUARD = '"$@" & server=$!; read -r _; kill -INT $server; wait $server; rm -rf "$0"'

export interface PostgresServer {
    readonly url: string
    readonly version: string
    stop(): Promise<void>
}

/** Why there is none: a text for the user. */
export class NoPostgres extends Error {}

/** @throws NoPostgres when it is not installed, or cannot be run by this user. */
export async function startPostgres(): Promise<PostgresServer> {
    const bin = await findPrograms()
    const asOther = process.getuid?.() === 0 ? await accountOf(USER) : undefined
    const as = asOther === undefined ? {} : { uid: asOther.uid, gid: asOther.gid }
    const folder = await mkdtemp(path.join(tmpdir(), "handover-pg-"))
    if (asOther !== undefined) await chown(folder, asOther.uid, asOther.gid)
    const data = path.join(folder, "data")
    await run(path.join(bin, "initdb"), ["-D", data, "-U", USER, "-A", "trust", "--locale=C", "-E", "UTF8", "--no-sync"], { ...as, cwd: folder })
    const port = await freePort()
    const options = ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder, "-c", "max_connections=300"]
    const child = spawn("sh", ["-c", GUARD, folder, path.join(bin, "postgres"), ...options], { ...as, cwd: "/", stdio: ["pipe", "ignore", "pipe"] })
    let log = ""
    child.stderr.on("data", part => (log = (log + part).slice(-4_000)))
    const exited = new Promise<void>(resolve => child.once("exit", () => resolve()))
    const stop = async (): Promise<void> => {
        child.stdin.end()
        await exited
    }
    const url = `postgres://${USER}@127.0.0.1:${port}/postgres`
    const endMs = Date.now() + START_MS
    for (;;) {
        const version = await versionOf(url)
        if (version !== undefined) return { url, version, stop }
        if (child.exitCode !== null || Date.now() > endMs) {
            await stop()
            throw new Error(`PostgreSQL did not start: ${log}`)
        }
        await new Promise(resolve => setTimeout(resolve, 50))
    }
}

async function findPrograms(): Promise<string> {
    const versions = await readdir(INSTALLED).catch(() => [])
    const newest = versions.map(Number).filter(Number.isFinite).sort((a, b) => b - a)[0]
    if (newest === undefined) throw new NoPostgres(`there is no ${INSTALLED}/*/bin: install it with "apt-get install postgresql"`)
    return path.join(INSTALLED, String(newest), "bin")
}

async function accountOf(user: string): Promise<{ uid: number; gid: number }> {
    try {
        const [uid, gid] = await Promise.all(["-u", "-g"].map(async option => Number((await run("id", [option, user])).stdout)))
        return { uid, gid }
    } catch {
        throw new NoPostgres(`PostgreSQL does not run as root, and there is no user "${user}"`)
    }
}

async function freePort(): Promise<number> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    await new Promise(resolve => server.close(resolve))
    return port
}

async function versionOf(url: string): Promise<string | undefined> {
    const client = new pg.Client({ connectionString: url })
    client.on("error", () => {})
    try {
        await client.connect()
        const { rows } = await client.query("show server_version")
        return rows[0].server_version
    } catch {
        return undefined
    } finally {
        await client.end().catch(() => {})
    }
}
