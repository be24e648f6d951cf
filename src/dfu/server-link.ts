import * as ds from "@devicescript/core"
import { hov } from "../bootloader/log"
import { readValue, VALUE_MAX_BYTES, writeValue } from "../bootloader/store"
import { Config, readConfig } from "./config"
import { useServer } from "./device-api"
import { parseUrl } from "./http"
import { isBusy, setPolicy } from "./policy"

/*
 * Which server the updater talks to, and when it last answered.
 *
 *   moved to ──3rd failure──▶ home ──4th──▶ first of `hUrl` ──5th──▶ second … ──▶ home
 *
 * Home is the server that answered last and did not send it on. One that is not the first of `hUrl` is kept in
 * `hHome`, with the `hUrl` that it was found by: another configuration begins anew.
 */
const TRIES = 3
const STORE_MS = 1000

let config: Config
/** `hUrl` as it is set. */
let configured = ""
/** Home first. */
let servers: string[] = []
/** Which of them is asked; -1 = one that we were sent to and that has not answered yet. */
let at = 0
let serverUrl = ""
let contactMs = 0

export async function configureLink() {
    config = await readConfig()
    setPolicy(config.policy)
    configured = config.url
    const kept = await readValue("hHome", ds.millis() + STORE_MS)
    const text = kept ? kept.toString() : ""
    setHome(text.startsWith(configured + "\n") ? text.slice(configured.length + 1) : "")
    at = 0
    if (isOnline()) use(servers[0])
    else if (configured) hov("code", "code=HOV_CONFIG_URL")
    hov("start", `id=${config.id} online=${isOnline()} ch=${config.channel}`)
    return config
}

/** `home`, when it is one, and what is configured besides. */
function setHome(home: string) {
    servers = []
    let rest = `${home} ${configured} `
    while (rest) {
        const end = rest.indexOf(" ")
        const url = rest.slice(0, end)
        rest = rest.slice(end + 1)
        if (parseUrl(url) && url !== servers[0]) servers.push(url)
    }
}

function use(url: string) {
    if (!useServer(config, url)) return false
    serverUrl = url
    // without the ticket, which is for the first request
    const ticket = url.indexOf("/~")
    config.url = ticket < 0 ? url : url.slice(0, ticket)
    return true
}

export function isOnline() {
    return servers.length > 0
}

/** `ds.millis()` of the last answered poll. */
export function lastContact() {
    return contactMs
}

/** @param stays false when its answer sends the board on: such a server is no home */
export function noteContact(stays: boolean) {
    contactMs = ds.millis()
    if (!stays) return
    at = 0
    if (config.url === servers[0]) return
    setHome(config.url)
    keepHome.start()
}

async function keepHome() {
    while (isBusy()) await ds.sleep(STORE_MS)
    const value = Buffer.from(`${configured}\n${servers[0]}`)
    // a longer one is home until the next start
    const isKept = value.length <= VALUE_MAX_BYTES && (await writeValue("hHome", value, ds.millis() + STORE_MS))
    hov("home", `url=${servers[0]} kept=${isKept}`)
}

export function moveTo(url: string) {
    if (use(url)) at = -1
}

/** A server that does not answer is left for the next one in the row. */
export function noteFailures(count: number) {
    if (count < TRIES || !isOnline()) return
    at = (at + 1) % servers.length
    if (servers[at] !== serverUrl) use(servers[at])
}

/** In the store first: a board that forgot its token would be lost. */
export async function takeToken(token: string) {
    if (!(await writeValue("hToken", Buffer.from(JSON.stringify(token)), ds.millis() + STORE_MS))) return
    config.token = token
    useServer(config, serverUrl)
    hov("token", "")
}
