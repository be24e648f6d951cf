/**
 * Copies the write-ahead log into the database file from a thread of its own: a commit
 * that does it itself waits for the disk for tens of milliseconds.
 */
import { createRequire } from "node:module"
import { Worker } from "node:worker_threads"

/** A page that many commits changed meanwhile is copied once. */
const EVERY_MS = 500
/** Of the log, in pages of 4 KB: a commit copies by itself when the thread does not keep up, or has ended. */
export const PAGES_MAX = 8_000
export const PAGES_USUAL = 1_000

// A script of its own language: the server's own files may need a loader that a thread does not have.
const SCRIPT = `
const { parentPort, workerData } = require("node:worker_threads")
const Database = require(workerData.module)
const database = new Database(workerData.path, { timeout: 0 })
const timer = setInterval(() => {
    // Busy, or closed by its owner: the next turn will do.
    try { database.pragma("wal_checkpoint(PASSIVE)") } catch {}
}, workerData.everyMs)
parentPort.once("message", () => {
    clearInterval(timer)
    database.close()
})
`

export class Checkpointer {
    readonly #worker: Worker
    readonly #ended: Promise<void>

    constructor(path: string) {
        const module = createRequire(import.meta.url).resolve("libsql")
        this.#worker = new Worker(SCRIPT, { eval: true, workerData: { module, path, everyMs: EVERY_MS } })
        this.#worker.on("error", () => {})
        this.#ended = new Promise(resolve => this.#worker.once("exit", () => resolve()))
        this.#worker.unref()
    }

    async close(): Promise<void> {
        // Waited for, also when nothing else keeps the process up.
        this.#worker.ref()
        this.#worker.postMessage("close")
        await this.#ended
    }
}
