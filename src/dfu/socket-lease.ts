import * as ds from "@devicescript/core"
import { cancelRequest, disconnect } from "./http"

/*
 * The board's one socket: the updater's in short exchanges, the app's in between.
 * Who has to wait gets the next turn, so neither can starve the other.
 */

let taken = false
let updaterHas = false
let appWaits = 0
let updaterWaits = false
/** The updater is in a poll that the server holds: it can be broken off at no loss. */
let idle = false

export async function takeSocket() {
    updaterWaits = true
    while (taken || appWaits) await ds.sleep(10)
    updaterWaits = false
    taken = true
    updaterHas = true
}

/** No effect when the updater does not have it. */
export function releaseSocket() {
    if (updaterHas) taken = false
    updaterHas = false
    idle = false
}

export function setIdlePoll(on: boolean) {
    idle = on
}

/** Ends a held poll, so that the updater looks around. */
export function wakePoll() {
    if (idle) cancelRequest()
}

/**
 * Lends the socket to the app for as long as `use` runs; the updater's own connection is
 * closed before. What `use` opens it has to close.
 */
export async function withNetwork<T>(use: () => T | Promise<T>): Promise<T> {
    appWaits++
    wakePoll()
    while (taken) await ds.sleep(10)
    taken = true
    appWaits--
    try {
        await disconnect()
        return await use()
    } finally {
        taken = false
        // the updater, if it waits, looks every 10 ms: let it go first
        if (updaterWaits) await ds.sleep(25)
    }
}
