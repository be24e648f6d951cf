/**
 * Copies the write-ahead log into the database file from a thread of its own: a commit
 * that does it itself waits for the disk for tens of milliseconds.
 *
 * The log begins anew only when all of it has been copied and nothing came meanwhile, which does not happen while the server
 * writes all the time. So when the log is long and the thread has copied nearly all of it, the server copies the rest itself,
 * between two commits: a few pages, and what the disk takes to have them.
 */
import { createRequire } from "node:module"
import { Worker } from "node:worker_threads"

/** A page that many commits changed meanwhile is copied once, and a slow disk is waited for less often. */
const EVERY_MS = 2_000
/** A log of so many pages of 4 KB is to begin anew. */
const PAGES_LONG = 4_000
/** A commit copies by itself when the log has so many, as the thread does not keep up, or has ended. */
export const PAGES_MAX = 32_000
export const PAGES_USUAL = 1_000

// A script of its own language: the server's own files may need a loader that a thread does not have.
const SCRIPT = `
const { parentPort, workerData } = require("node:worker_threads")
const Database = require(workerData.module)
const database = new Database(workerData.path, { timeout: 0 })
// Busy, or closed by its owner: the next turn will do.
const copy = () => {
    try { return database.pragma("wal_checkpoint(PASSIVE)")[0].log } catch { return 0 }
}
// What came while the first pass waited for the disk is little, and the second pass is short.
const copyNearlyAll = () => {
    if (copy() < workerData.pagesLong) return
    copy()
    parentPort.postMessage("long")
}
const timer = setInterval(copyNearlyAll, workerData.everyMs)
parentPort.once("message", () => {
    clearInterval(timer)
    copy()
    database.close()
})
`

export class Checkpointer {
    readonly #worker: Worker
    readonly #ended: Promise<void>

    /** `onLong`: the log is to begin anew; nearly all of it has been copied right now. */
    constructor(path: string, onLong: () => void) {
        const module = createRequire(import.meta.url).resolve("libsql")
        this.#worker = new Worker(SCRIPT, { eval: true, workerData: { module, path, everyMs: EVERY_MS, pagesLong: PAGES_LONG } })
        this.#worker.on("error", () => {})
        this.#worker.on("message", onLong)
        this.#ended = new Promise(resolve => this.#worker.once("exit", () => resolve()))
        this.#worker.unref()
    }

    /** Copies what there is. */
    async close(): Promise<void> {
        // Waited for, also when nothing else keeps the process up.
        this.#worker.ref()
        this.#worker.postMessage("close")
        await this.#ended
    }
}
