/**
 * The listening socket for whoever takes over on this host, e.g. a newer version of this server.
 *
 * Next connects to a socket in the data folder, which only its owner may open. Node passes handles
 * only between a process and its child, so a small bridge of ours stands between the two servers:
 * it has the listening socket from us, and speaks node's own channel with next. Nothing changes
 * here until next says that it is ready; while we let go, connections wait in the socket's queue,
 * which the bridge keeps open.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { chmod, rename, rm } from "node:fs/promises"
import { createServer, type Server, type Socket } from "node:net"
import path from "node:path"
import { createInterface } from "node:readline"
import type { Logger } from "pino"

export const takeoverPath = (dataDir: string): string => path.join(path.resolve(dataDir), "takeover.sock")

/** The longest path of a socket that every system takes. */
const PATH_MAX = 100

/** fd 3: the channel to next; fd 4: the listening socket. A server that dies in between is replaced all the same. */
const BRIDGE = `
const { createServer } = require("node:net")
let given = false
process.on("message", message => process.stdout.write(String(message && message.takeover) + "\\n"))
process.on("disconnect", () => process.exit())
process.stdout.on("error", () => {})
process.stdin.resume().on("data", give).on("end", give)
function give() {
    if (given) return
    given = true
    const door = createServer({ pauseOnConnect: true }, socket => process.send({ takeover: "connection" }, socket))
    door.listen({ fd: 4 }, () =>
        process.send({ takeover: "door" }, door, () => {
            door.close()
            process.send({ takeover: "all" })
        }),
    )
}
`

export interface TakeoverOptions {
    readonly dataDir: string
    /** Listens. */
    readonly server: Server
    readonly log: Logger
    /** Ends everything gently: what is under way is answered, nothing new is accepted. */
    release(): Promise<void>
    /** Next serves. */
    onTaken(): void
    /** Next was given everything and ended before it served. */
    onLost(): void
}

/** Returns the way to stop offering. */
export async function offerTakeover(options: TakeoverOptions): Promise<() => Promise<void>> {
    const { dataDir, server, log } = options
    const file = takeoverPath(dataDir)
    if (file.length > PATH_MAX) {
        log.warn({ file }, "no other server can take over: the path of the data folder is too long for a socket")
        return async () => {}
    }
    const own = `${file}.${process.pid}`
    await rm(own, { force: true })
    let bridge: ChildProcess | undefined
    let taken = false
    // Not a byte is read here: the bridge speaks with next.
    const control = createServer({ pauseOnConnect: true }, socket => {
        if (bridge !== undefined) return socket.destroy()
        bridge = startBridge(socket, server)
        socket.destroy()
        const onTaken = (): void => {
            taken = true
            options.onTaken()
        }
        follow(bridge, { ...options, onTaken }, () => {
            bridge = undefined
        })
    })
    await new Promise<void>((resolve, reject) => {
        control.once("error", reject)
        control.listen(own, resolve)
    })
    await chmod(own, 0o600)
    // Closing removes the name that was listened on, also when it is next's by then: so that is another one.
    await rename(own, file)
    return async () => {
        if (!taken) await rm(file, { force: true })
        if (bridge === undefined) await new Promise(resolve => control.close(resolve))
        else control.unref()
    }
}

function startBridge(socket: Socket, server: Server): ChildProcess {
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    const { NODE_OPTIONS: _options, ...env } = process.env
    return spawn(process.execPath, ["-e", BRIDGE], {
        stdio: ["pipe", "pipe", "inherit", socket, fd],
        env: { ...env, NODE_CHANNEL_FD: "3" },
    })
}

function follow(bridge: ChildProcess, { log, release, onTaken, onLost }: TakeoverOptions, onEnd: () => void): void {
    let state: "waiting" | "released" | "taken" = "waiting"
    log.info("another server is starting to take over")
    createInterface({ input: bridge.stdout as NodeJS.ReadableStream }).on("line", line => {
        if (line === "ready" && state === "waiting") {
            state = "released"
            release().then(
                () => bridge.stdin?.write("go\n"),
                error => log.error({ err: error }, "takeover: letting go failed"),
            )
        } else if (line === "serving") {
            state = "taken"
            onTaken()
        }
    })
    bridge.stdin?.on("error", () => {})
    bridge.once("exit", () => {
        onEnd()
        if (state === "taken") return
        if (state === "released") return onLost()
        log.warn("the server that was to take over has ended before it was ready: this one goes on")
    })
}
