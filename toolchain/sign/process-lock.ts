/**
 * A lock between processes: a file that only one of them can create.
 *
 * A lock left by a process that died is taken over. Two processes that find the
 * same dead lock must not both take it (the second would remove the first one's
 * new lock), so the takeover has a lock of its own.
 */
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs"
import { hostname } from "node:os"
import { setTimeout as delay } from "node:timers/promises"
import { SignError } from "./sign-error.ts"

const RETRY_MS = 25

interface Owner {
    readonly pid: number
    readonly host: string
}

export interface LockOptions {
    /** How long to wait for another process to finish; default 5,000. */
    waitMs?: number
}

/**
 * Runs `work` while holding `lockPath`.
 * @throws SignError `HOV_KEY_LOCKED` when another process holds it for longer than `waitMs`.
 */
export async function withProcessLock<T>(
    lockPath: string,
    options: LockOptions,
    work: () => T | Promise<T>,
): Promise<T> {
    const deadlineMs = performance.now() + (options.waitMs ?? 5_000)
    while (!tryCreate(lockPath)) {
        if (removeIfDead(lockPath)) continue
        if (performance.now() >= deadlineMs) throw locked(lockPath)
        await delay(RETRY_MS)
    }
    try {
        return await work()
    } finally {
        unlinkSync(lockPath)
    }
}

function tryCreate(path: string): boolean {
    let file: number
    try {
        file = openSync(path, "wx", 0o600)
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
        throw error
    }
    writeSync(file, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner))
    closeSync(file)
    return true
}

/** True when the lock was a dead process's and is gone now. */
function removeIfDead(path: string): boolean {
    if (!isDead(readOwner(path))) return false
    const takeover = `${path}.takeover`
    if (!tryCreate(takeover)) return false
    try {
        if (!isDead(readOwner(path))) return false
        unlinkSync(path)
        return true
    } finally {
        unlinkSync(takeover)
    }
}

/** Undefined when the file is gone, or its owner has not written its name yet. */
function readOwner(path: string): Owner | undefined {
    try {
        return JSON.parse(readFileSync(path, "utf8")) as Owner
    } catch {
        return undefined
    }
}

/** A process of another host cannot be asked, so it counts as alive. */
function isDead(owner: Owner | undefined): boolean {
    if (!owner || owner.host !== hostname()) return false
    try {
        process.kill(owner.pid, 0)
        return false
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === "ESRCH"
    }
}

function locked(path: string): SignError {
    const owner = readOwner(path)
    const who = owner ? `process ${owner.pid} on ${owner.host}` : "another process"
    return new SignError(
        "HOV_KEY_LOCKED",
        `the key is in use by ${who}: wait for it, or remove ${path} (and ${path}.takeover) when it surely has ended`,
    )
}
