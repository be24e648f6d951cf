import * as ds from "@devicescript/core"
import { hov } from "../bootloader/log"
import { writeValue } from "../bootloader/store"
import { Config, readConfig } from "./config"
import { useServer } from "./device-api"
import { setPolicy } from "./policy"

/* Which server the updater talks to, and when it last answered. */

/** Failures at a new server before the old one is asked again. */
const MOVE_TRIES = 3
const STORE_MS = 1000

let config: Config
let online = false
let serverUrl = ""
/** Before a move to another server that has not answered yet; "" = none. */
let movedFrom = ""
let contactMs = 0

export async function configureLink() {
    config = await readConfig()
    setPolicy(config.policy)
    serverUrl = config.url
    movedFrom = ""
    online = !!config.url && useServer(config, config.url)
    if (config.url && !online) hov("code", "code=HOV_CONFIG_URL")
    hov("start", `id=${config.id} online=${online} ch=${config.channel}`)
    return config
}

export function isOnline() {
    return online
}

/** `ds.millis()` of the last answered poll. */
export function lastContact() {
    return contactMs
}

export function noteContact() {
    contactMs = ds.millis()
    movedFrom = ""
}

export function moveTo(url: string) {
    if (!useServer(config, url)) return
    movedFrom = serverUrl
    serverUrl = url
}

/** A server that we were sent to and that does not answer is left again. */
export function noteFailures(count: number) {
    if (!movedFrom || count < MOVE_TRIES || !useServer(config, movedFrom)) return
    serverUrl = movedFrom
    movedFrom = ""
}

/** In the store first: a board that forgot its token would be lost. */
export async function takeToken(token: string) {
    if (!(await writeValue("hToken", Buffer.from(JSON.stringify(token)), ds.millis() + STORE_MS))) return
    config.token = token
    useServer(config, serverUrl)
    hov("token", "")
}
