import * as ds from "@devicescript/core"
import { hov } from "../bootloader/log"
import { readValue, storeReady, VALUE_MAX_BYTES, writeValue } from "../bootloader/store"
import { coldHook } from "./cold-hook"
import { Config } from "./config"
import { disconnect, parseUrl } from "./http"
import { sendReports } from "./report"
import { releaseSocket, takeSocket } from "./socket-lease"
import { Job } from "./updater-state"
import { baseId } from "../hotswap"

/*
 * Whole bases over the air, for a program of your own:
 *
 *     import { startResident } from "handover"
 *     import { takeColdReleases } from "handover/src/cold"   // before your own code: it looks at how the last start ended
 *     takeColdReleases()
 *
 * A board has no room for two bases, so the firmware's own cloud adapter writes the new one over the old one, with the
 * program stopped. Both want the one socket:
 *
 *   old base: signature good ─▶ saves state, notes `hCold`, closes its socket, gives the adapter its address
 *   adapter:  connects, is given the base by the server, starts it
 *   new base: takes the address away ─▶ reports over HTTP ─▶ well for the time of a trial: forgets `hCold`
 *                                   └▶ no contact, or the third start: gives the address back and waits for the old base
 *
 * A base that never gets as far leaves the adapter its address, and the server gives the old one back by itself.
 *
 *   hColdAt = the adapter's address, as it was when the base before could reach the server
 *   hCold   = "HOV-COLD-1 base-before starts command version", or empty
 */
const MARK = "HOV-COLD-1"
const READ_MS = 1500
const BIND_MS = 5000
const STARTS_MAX = 3
/** The server begins a deploy within a second of the connection. */
const IDLE_MS = 5000
const COMES_MS = 20000
const HANDED_MS = 60000
const BEG_MS = 900000
const CONNECTED = 1
const DISCONNECTED = 2

interface Pending {
    baseBefore: string
    starts: number
    id: string
    version: string
}

const native = new ds.NativeCloud()
let pending: Pending

async function note(p: Pending) {
    const text = p ? [MARK, p.baseBefore, p.starts + "", p.id, p.version].join(" ") : ""
    return await writeValue("hCold", Buffer.from(text), ds.millis() + READ_MS)
}

async function recall() {
    const value = await readValue("hCold", ds.millis() + READ_MS)
    if (!value || value.length < MARK.length) return
    const at = value.toString().split(" ")
    if (at[0] !== MARK || at.length < 5) return
    pending = { baseBefore: at[1], starts: +at[2], id: at[3], version: at[4] }
}

function isNew() {
    return pending.baseBefore !== baseId()
}

async function bound() {
    const endMs = ds.millis() + BIND_MS
    while (!native.isBound && ds.millis() < endMs) await ds.sleep(10)
    return native.isBound
}

/** Kept, so that it does not depend on what the new base makes of the configuration. */
async function noteAddress(key: string, config: Config) {
    const server = parseUrl(config.url)
    if (!server) return false
    const scheme = server.tls ? "wss" : "ws"
    const address = Buffer.from(`${scheme}://wssk:${key}@${server.host}:${server.port}${server.prefix}/wssk/${config.id}`)
    return address.length <= VALUE_MAX_BYTES && (await writeValue("hColdAt", address, ds.millis() + READ_MS))
}

/** False when there is no address, or no adapter. */
async function lend() {
    const address = await readValue("hColdAt", ds.millis() + READ_MS)
    if (!address || !address.length || !(await bound())) return false
    // a socket that a panic left open would keep the adapter out
    ;(ds as any)._socketClose()
    await native.setAddress(address.toString())
    return true
}

/** First the connection, then the address: a deploy that begins in between finds its way again. */
async function takeBack() {
    if (!(await bound())) return
    await native.disconnect()
    const endMs = ds.millis() + BIND_MS
    while ((await native.linkStatus.read()) !== DISCONNECTED && ds.millis() < endMs) await ds.sleep(20)
    await native.setAddress("")
    await ds.sleep(100)
}

async function forget() {
    pending = undefined
    await note(undefined)
}

/** The program ends here when a base comes. */
async function waitForBase(ms: number) {
    const endMs = ds.millis() + ms
    let connectedMs = 0
    while (ds.millis() < endMs) {
        if ((await native.linkStatus.read()) !== CONNECTED) connectedMs = 0
        else if (!connectedMs) connectedMs = ds.millis()
        else if (ms <= COMES_MS && ds.millis() - connectedMs > IDLE_MS) return
        await ds.sleep(500)
    }
}

async function resume(): Promise<Job | undefined> {
    if (!pending) return undefined
    if (!isNew()) {
        // the power went before the new base came, or this is the way back
        hov("cold", `waits=${pending.version}`)
        if (await bound()) await waitForBase(COMES_MS)
        await takeBack()
        await forget()
        return undefined
    }
    // counted where it counts: until here the adapter still has its address, and the server sees to the board
    pending.starts++
    await note(pending)
    await takeBack()
    hov("cold", `trial=${pending.version} start=${pending.starts}`)
    return {
        id: pending.id,
        version: pending.version,
        manifest: "",
        signatureDigest: "",
        signatureSizeBytes: 0,
        imageDigest: "",
        imageSizeBytes: 0,
    }
}

/** The updater's own connection ends first, with what it has to say. */
async function handOver(job: Job, config: Config) {
    await takeSocket()
    await sendReports()
    await disconnect()
    const code = await lendFor(job, config)
    releaseSocket()
    return code
}

async function lendFor(job: Job, config: Config) {
    if (coldHook.save && !(await coldHook.save())) return "HOV_COLD_STATE"
    if (!(await noteAddress(job.coldKey, config))) return "HOV_COLD_ADDRESS"
    pending = { baseBefore: baseId(), starts: 0, id: job.id, version: job.version }
    if (!(await note(pending))) return "HOV_STORE"
    hov("cold", `handover=${job.version}`)
    const lent = await lend()
    if (lent) await waitForBase(HANDED_MS)
    await takeBack()
    await forget()
    return lent ? "HOV_COLD_UNREACHABLE" : "HOV_COLD_ADAPTER"
}

async function keep() {
    await forget()
    hov("cold", "kept")
}

async function giveBack() {
    await takeSocket()
    await disconnect()
    await askBack()
    releaseSocket()
}

async function askBack() {
    hov("cold", `back=${pending.version}`)
    if (await lend()) await waitForBase(BEG_MS)
    await takeBack()
}

/** Does something only when it is called: what is not called is not in the image. */
export function takeColdReleases() {
    coldHook.cold = { resume, handOver, keep, giveBack }
}

/** Before the app's own code runs: a base that keeps ending is not given another chance to. */
async function look() {
    if (!(await storeReady(ds.millis() + READ_MS))) return
    await recall()
    if (pending && isNew() && pending.starts >= STARTS_MAX) await askBack()
}

await look()
