/** Next's side of a takeover on one host: it starts completely, and only then asks for the listening socket. */
import { type ChildProcess, spawn } from "node:child_process"
import { connect, type Server, type Socket } from "node:net"
import { takeoverPath } from "./offer.ts"

const MARK = "HANDOVER_TAKEOVER"

/**
 * Starts this very command again as a child that can be given a socket, when a server with this data folder is
 * there to take over from. Undefined: nobody is.
 */
export async function startAsNext(dataDir: string): Promise<ChildProcess | undefined> {
    const socket = await reach(takeoverPath(dataDir))
    if (socket === undefined) return undefined
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
        stdio: ["inherit", "inherit", "inherit", socket],
        env: { ...process.env, NODE_CHANNEL_FD: "3", [MARK]: "1" },
    })
    socket.destroy()
    return child
}

/** Whether a server with this data folder lives, which could be taken over from. */
export async function isServed(dataDir: string): Promise<boolean> {
    const socket = await reach(takeoverPath(dataDir))
    socket?.destroy()
    return socket !== undefined
}

function reach(file: string): Promise<Socket | undefined> {
    return new Promise((resolve, reject) => {
        const socket = connect(file)
        socket.once("connect", () => resolve(socket))
        socket.once("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" || error.code === "ECONNREFUSED" ? resolve(undefined) : reject(error)))
    })
}

/** What a server that takes over asks of the one that serves. */
export interface Arrival {
    /** Says that everything is ready; resolves with the listening socket when it may be used. */
    door(): Promise<Server>
    /** Connections that were accepted on the way, in their order: those that came so far, and each that still comes. */
    onConnection(take: (socket: Socket) => void): void
    /** Says that this server serves now. */
    serving(): void
}

/** Undefined: this process was not started to take over. */
export function arrival(): Arrival | undefined {
    if (process.env[MARK] === undefined || process.send === undefined) return undefined
    const say = (takeover: string, then?: () => void): void => void process.send?.({ takeover }, undefined, undefined, then)
    delete process.env[MARK]
    const waiting: Socket[] = []
    let take = (socket: Socket): void => void waiting.push(socket)
    let serves = false
    let end = (): void => {}
    // Until then connections may be on their way: without the channel they would be lost.
    const all = new Promise<void>(resolve => (end = resolve))
    const door = new Promise<Server>((resolve, reject) => {
        process.on("message", (message: { takeover?: string }, handle: unknown) => {
            if (message?.takeover === "door") resolve(attended(handle as Server))
            else if (message?.takeover === "connection" && handle !== undefined) take(handle as Socket)
            else if (message?.takeover === "all") end()
        })
        process.once("disconnect", () => {
            if (!serves) reject(new Error("the server that was to be replaced let go of this one"))
        })
    })
    /** It accepts from now on, by itself: who comes before the server listens on it waits unread. */
    function attended(given: Server): Server {
        ;(given as Server & { pauseOnConnect: boolean }).pauseOnConnect = true
        return given.on("connection", socket => take(socket))
    }
    door.catch(() => {})
    return {
        door: () => {
            say("ready")
            return door
        },
        onConnection: taker => {
            take = taker
            for (const socket of waiting.splice(0)) take(socket)
        },
        serving: () => {
            serves = true
            say("serving", () => void all.then(() => process.connected && process.disconnect()))
        },
    }
}
