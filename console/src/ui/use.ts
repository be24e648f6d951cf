/** Small hooks that views share. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks"
import type { ApiError } from "../api.ts"
import { toApiError } from "../api.ts"
import type { LiveEvent } from "../documents.ts"
import type { Session } from "../state/session.ts"

export interface Loaded<T> {
    readonly value: T | undefined
    readonly error: ApiError | undefined
    readonly again: () => void
}

/**
 * Loads something, and again when one of `keys` changes or `again` is called. What there was stays in
 * view meanwhile, also when loading it anew fails.
 */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, keys: readonly unknown[]): Loaded<T> {
    const [value, setValue] = useState<T>()
    const [error, setError] = useState<ApiError>()
    const [round, setRound] = useState(0)
    const last = useRef<readonly unknown[]>(keys)
    useEffect(() => {
        const stop = new AbortController()
        if (keys.some((key, index) => key !== last.current[index])) setValue(undefined)
        last.current = keys
        load(stop.signal).then(
            found => {
                if (stop.signal.aborted) return
                setValue(() => found)
                setError(undefined)
            },
            failure => {
                if (!stop.signal.aborted) setError(toApiError(failure))
            },
        )
        return () => stop.abort()
    }, [...keys, round])
    const again = useCallback(() => setRound(n => n + 1), [])
    return { value, error, again }
}

/** Calls `work` soon after events that `wants` says matter: once for many. */
export function useEvents(session: Session, wants: (event: LiveEvent) => boolean, work: () => void, waitMs = 400): void {
    const latest = useRef({ wants, work })
    latest.current = { wants, work }
    useEffect(() => {
        let timer: ReturnType<typeof setTimeout> | undefined
        const off = session.live.on(event => {
            if (event.type !== "events.gap" && !latest.current.wants(event)) return
            timer ??= setTimeout(() => {
                timer = undefined
                latest.current.work()
            }, waitMs)
        })
        return () => {
            off()
            clearTimeout(timer)
        }
    }, [session, waitMs])
}

/** The time, for ages that grow while one looks. */
export function useNow(everyMs = 10_000): number {
    const [nowMs, setNow] = useState(Date.now())
    useEffect(() => {
        const timer = setInterval(() => setNow(Date.now()), everyMs)
        return () => clearInterval(timer)
    }, [everyMs])
    return nowMs
}

export interface Doing {
    readonly busy: boolean
    readonly error: ApiError | undefined
    readonly run: (work: () => Promise<unknown>) => void
}

/** Something that a person asked for: at most one at a time, with its refusal. */
export function useDoing(): Doing {
    const [busy, setBusy] = useState(false)
    const [error, setError] = useState<ApiError>()
    const running = useRef(false)
    const run = useCallback((work: () => Promise<unknown>) => {
        if (running.current) return
        running.current = true
        setBusy(true)
        setError(undefined)
        work()
            .catch(failure => setError(toApiError(failure)))
            .finally(() => {
                running.current = false
                setBusy(false)
            })
    }, [])
    return { busy, error, run }
}

/** A value that has rested for a moment. */
export function useRested<T>(value: T, ms = 400): T {
    const [rested, setRested] = useState(value)
    useEffect(() => {
        const timer = setTimeout(() => setRested(value), ms)
        return () => clearTimeout(timer)
    }, [value, ms])
    return rested
}
