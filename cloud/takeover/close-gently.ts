/** Lets a server's clients go: nobody is hung up on in the middle of a request. */
import type { Server } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"

const LOOK_MS = 10
/** A request that takes longer is broken off. */
const ACTIVE_MAX_MS = 10_000

/**
 * For `graceMs` each answer is the last of its connection, so clients that talk go by themselves; those that are silent
 * are hung up on after it. Then nothing new is accepted, and what is under way is waited for.
 */
export async function closeGently(server: Server, graceMs: number): Promise<void> {
    const endMs = Date.now() + graceMs
    while (Date.now() < endMs && (await connections(server)) > 0) await sleep(LOOK_MS)
    server.close()
    const lastMs = Date.now() + ACTIVE_MAX_MS
    for (;;) {
        server.closeIdleConnections()
        if ((await connections(server)) === 0 || Date.now() > lastMs) break
        await sleep(LOOK_MS)
    }
    server.closeAllConnections()
}

const connections = (server: Server): Promise<number> => new Promise((resolve, reject) => server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))))
