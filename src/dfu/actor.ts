import * as ds from "@devicescript/core"
import {
    bootRecord,
    callBack,
    goBack,
    keepRunning,
    revertToBase,
    running,
    takeGivenUp,
    tryImage,
} from "../bootloader/boot"
import { onActivationThrow } from "../bootloader/activation"
import { hov } from "../bootloader/log"
import { prepareLog } from "../bootloader/log-keeper"
import { readValue, writeValue } from "../bootloader/store"
import { baseVersion, confirmTrial, Fault, onFault } from "../hotswap"
import { Config, readConfig } from "./config"
import { coldHook } from "./cold-hook"
import { Command, fetchBlob, poll, SignedStatement, useServer } from "./device-api"
import {
    allowsOlder,
    checkImage,
    fetchImage,
    fetchSignature,
    manifestImage,
    openManifest,
    takeImage,
    verifySignature,
} from "./download"
import { isBusy, mayBegin, setAsked, setBusyFlag, setPolicy } from "./policy"
import { actualState, keepDiagnostics, recallDiagnostics, report, reportsWaiting, sendReports } from "./report"
import { disconnect } from "./http"
import { releaseSocket, setIdlePoll, takeSocket, wakePoll } from "./socket-lease"
import { frozen, loadTrust, takeStatement } from "./trust"
import {
    backOffMs,
    Do,
    Ev,
    Job,
    initialState,
    Phase,
    phaseNames,
    UpdaterEvent,
    UpdaterState,
    updaterStep,
} from "./updater-state"

/*
 * The one fiber that does what `updater-state.ts` says: network, verification, swap,
 * store. Others talk to it with `send`; it owns everything else.
 */

/** A trial without contact with the server ends this long after its time. */
const CONTACT_MS = 60000
/** An app that wants to confirm has this long after the trial's time. */
const CONFIRM_MS = 60000
/** A download asks for news (a cancel) this often. */
const NEWS_MS = 2000
const NAP_MS = 60000
/** The store is prepared this long after power-on, out of the way of what comes first. */
const PREPARE_MS = 20000
const ALIVE_MS = 2000
/** Failures at a new server before the old one is asked again. */
const MOVE_TRIES = 3
const STATEMENT_PIECE_BYTES = 512
/** Answers of the wrong length in a row before a blob counts as damaged at the server. */
const SHORT_TRIES = 5
const STORE_MS = 1000

let state: UpdaterState = initialState
const inbox: UpdaterEvent[] = []
let fault: Fault
let config: Config
let online = false
let confirmRequired = false
let unconfirmed = false
let self: ds.Fiber
let napping = false
let lastContactMs = 0
/** End of the trial of what runs. */
let trialEndMs = 0
let swappedAtMs = 0
let minPollMs = 0
let shortAnswers = 0
let wasFrozen = false
let serverUrl = ""
/** Before a move to another server that has not answered yet; "" = none. */
let movedFrom = ""
let isConfigured = false
let isPrepared = false
/** This base came over the air, and is not confirmed yet. */
let coldTrial = false

/** Fires with every change of the phase. */
export const changes = ds.emitter<UpdaterState>()

export function updaterState() {
    return state
}

/** `ds.millis()` of the last answered poll. */
export function lastContact() {
    return lastContactMs
}

export function setBusy(on: boolean) {
    setBusyFlag(on)
    if (!on) wake()
}

/** What waits in the state `ready` begins to run, whatever the policy. */
export function goAhead() {
    setAsked(true)
    wake()
}

/** The configuration in the settings has changed: an update from the old server ends. */
export function reconfigure() {
    isConfigured = false
    send({ kind: Ev.Cancel })
}

/** From now on a trial ends well only after the app has said so itself. */
export function requireConfirm() {
    confirmRequired = true
}

export function confirm() {
    unconfirmed = false
    wake()
}

function mayWrite() {
    return !isBusy()
}

/** Gives the actor an event, and wakes it. */
export function send(event: UpdaterEvent) {
    inbox.push(event)
    wake()
}

export function wake() {
    if (napping) {
        napping = false
        self.resume(null)
    }
    wakePoll()
}

async function nap(ms: number) {
    if (inbox.length) return
    napping = true
    await ds.suspend(ms)
    napping = false
}

function dispatch(event: UpdaterEvent) {
    state = updaterStep(state, event)
    if (!state.report) return
    state.report = false
    const job = state.job
    hov(
        "state",
        `state=${phaseNames[state.phase]} id=${job ? job.id : ""} v=${job ? job.version : ""} code=${state.code}`
    )
    report(state)
    changes.emit(state)
}

/** A refusal when there is a code, else the event. */
function settle(code: string, kind: Ev) {
    if (code) dispatch({ kind: Ev.Refused, code })
    else dispatch({ kind })
}

/** A code that no command has to do with. */
function reportCode(code: string) {
    report({ ...state, job: undefined, phase: Phase.Idle, code })
}

/** A statement's signature is read where it is needed, and never held as a whole. */
async function takeSigned(s: SignedStatement) {
    await takeSocket()
    const code = await takeStatement(Buffer.from(s.m, "hex"), s.sigLen, async offset => {
        return await fetchBlob(s.sig, offset, Math.min(STATEMENT_PIECE_BYTES, s.sigLen - offset))
    })
    releaseSocket()
    hov("statement", `code=${code}`)
    if (code) reportCode(code)
}

/** In the store first: a board that forgot its token would be lost. */
async function takeToken(token: string) {
    if (!(await writeValue("hToken", Buffer.from(JSON.stringify(token)), ds.millis() + STORE_MS))) return
    config.token = token
    useServer(config, serverUrl)
    hov("token", "")
}

/** Tells the server, and the log, when the board begins to be kept back. */
function lookForFreeze() {
    if (frozen() === wasFrozen) return
    wasFrozen = !wasFrozen
    hov("frozen", `frozen=${wasFrozen}`)
    if (wasFrozen) reportCode("HOV_FROZEN")
}

async function take(command: Command) {
    if (state.next === Do.Poll) {
        if (command.revoke) await takeSigned(command.revoke)
        if (command.fresh) await takeSigned(command.fresh)
    }
    if (command.cmd) hov("command", `cmd=${command.cmd} id=${command.id} v=${command.v}`)
    if (command.token) await takeToken(command.token)
    if (command.move && useServer(config, command.move)) {
        movedFrom = serverUrl
        serverUrl = command.move
    }
    if (command.pollMs > 0) minPollMs = command.pollMs
    if (command.cmd === "cancel") dispatch({ kind: Ev.Cancel })
    else if (command.cmd === "check") report(state)
    else if (command.cmd === "revert") dispatch({ kind: Ev.Revert, job: baseJob(command.id) })
    else if (command.cmd === "update") {
        dispatch({
            kind: Ev.Update,
            job: {
                id: command.id,
                version: command.v,
                manifest: command.m,
                signatureDigest: command.sig,
                signatureSizeBytes: command.sigLen,
                imageDigest: command.img,
                imageSizeBytes: command.len,
                coldKey: command.cold,
            },
        })
        const image = running.image
        if (image && !command.cold && command.img.slice(0, 32) === image.digest && !running.onTrial)
            dispatch({ kind: Ev.Kept })
    }
}

function baseJob(id: string): Job {
    return {
        id,
        version: baseVersion(),
        manifest: "",
        signatureDigest: "",
        signatureSizeBytes: 0,
        imageDigest: "",
        imageSizeBytes: 0,
    }
}

async function contact(holdS: number) {
    await takeSocket()
    await sendReports()
    const startMs = ds.millis()
    setIdlePoll(holdS > 0)
    const command = await poll(actualState(state, config.channel), holdS)
    releaseSocket()
    lastContactMs = ds.millis()
    movedFrom = ""
    dispatch({ kind: Ev.NetworkUp })
    if (command) return await take(command)
    // a server that does not hold, or asked for it, is not asked at once again
    const leftMs = Math.max(minPollMs, 1000) - (lastContactMs - startMs)
    if (holdS > 0 && leftMs > 0) await nap(leftMs)
}

async function pollOnce() {
    if (!online) return await nap(running.onTrial ? trialEndMs - ds.millis() : NAP_MS)
    let holdS = config.pollS
    if (running.onTrial) holdS = Math.min(holdS, Math.idiv(trialEndMs - ds.millis(), 1000) + 1)
    await contact(holdS)
}

/** A download that takes its time, or does not get on, asks whether it is still wanted. */
function newsAreDue() {
    return online && ds.millis() - lastContactMs > NEWS_MS
}

/** Code that never lets the VM's main loop have its turn keeps all packets from coming. */
async function isAlive() {
    return (await readValue("hRec0", ds.millis() + ALIVE_MS)) !== undefined
}

async function watch() {
    const nowMs = ds.millis()
    if (online && lastContactMs < swappedAtMs) {
        if (nowMs > trialEndMs + CONTACT_MS)
            return dispatch({ kind: Ev.Fault, code: "HOV_TRIAL_CONTACT" })
        await contact(0)
    } else if (nowMs < trialEndMs) await nap(trialEndMs - nowMs)
    else if (!(await isAlive())) dispatch({ kind: Ev.Fault, code: "HOV_TRIAL_HANG" })
    else if (!unconfirmed) dispatch({ kind: Ev.Healthy })
    else if (nowMs < trialEndMs + CONFIRM_MS) await nap(trialEndMs + CONFIRM_MS - nowMs)
    else dispatch({ kind: Ev.Fault, code: "HOV_TRIAL_UNCONFIRMED" })
}

async function swap() {
    const image = manifestImage()
    const code = await tryImage(takeImage(), image, allowsOlder())
    if (code === "HOV_IMAGE_BAD") await recallDiagnostics(image.digest.slice(0, 8))
    settle(code, Ev.Swapped)
}

/** To the native cloud adapter, which brings a whole base. The last that the server hears of this one is the trial. */
async function handOver() {
    report({ ...state, phase: Phase.Trial })
    await takeSocket()
    await sendReports()
    await disconnect()
    const code = await coldHook.cold.handOver(state.job, config)
    releaseSocket()
    dispatch({ kind: Ev.Refused, code })
}

async function giveBack() {
    await keepDiagnostics("trial", state.code, "", undefined)
    await takeSocket()
    await disconnect()
    await coldHook.cold.giveBack()
    releaseSocket()
    // the server could not be reached that way either: another try with HTTP
    beginColdTrial(state.job)
}

function beginColdTrial(job: Job) {
    coldTrial = true
    state = { ...initialState, phase: Phase.Trial, next: Do.Watch, job }
    swappedAtMs = ds.millis()
    trialEndMs = swappedAtMs + config.trialMs
    unconfirmed = confirmRequired
}

/** One step of what the state asks for. */
async function act() {
    if (running.onTrial && !running.fromRam && ds.millis() >= trialEndMs) {
        confirmTrial()
        await keepRunning(mayWrite, false)
        hov("healthy", "")
    }
    switch (state.next) {
        case Do.Poll:
            if (!isPrepared && !running.onTrial && ds.millis() > PREPARE_MS) {
                isPrepared = true
                await prepareLog(mayWrite)
            }
            await pollOnce()
            break
        case Do.FetchSignature: {
            if (!state.signatureDoneBytes) {
                const code = openManifest(state.job, bootRecord().minSequence)
                if (code) return dispatch({ kind: Ev.Refused, code })
            }
            if (newsAreDue()) return await contact(0)
            await takeSocket()
            const bytes = await fetchSignature(state.job, state.signatureDoneBytes)
            releaseSocket()
            shortAnswers = 0
            dispatch({ kind: Ev.SignatureBytes, bytes })
            break
        }
        case Do.VerifyManifest:
            settle(await verifySignature(state.job), Ev.Verified)
            break
        case Do.FetchImage: {
            if (newsAreDue()) return await contact(0)
            await takeSocket()
            const bytes = await fetchImage(state.job, state.doneBytes)
            releaseSocket()
            shortAnswers = 0
            dispatch({ kind: Ev.ImageBytes, bytes })
            break
        }
        case Do.CheckImage:
            settle(checkImage(state.job), Ev.Checked)
            break
        case Do.Swap:
            if (!mayBegin()) return await pollOnce()
            setAsked(false)
            if (state.job.coldKey) return await handOver()
            await swap()
            swappedAtMs = ds.millis()
            unconfirmed = confirmRequired
            trialEndMs = swappedAtMs + config.trialMs
            break
        case Do.Watch:
            await watch()
            break
        case Do.Keep:
            if (coldTrial) {
                coldTrial = false
                await coldHook.cold.keep()
                dispatch({ kind: Ev.Kept })
                break
            }
            confirmTrial()
            dispatch({ kind: Ev.Kept, code: await keepRunning(mayWrite, allowsOlder()) })
            break
        case Do.Revert:
            settle(await revertToBase(), Ev.Kept)
            break
        case Do.GoBack: {
            if (coldTrial) return await giveBack()
            const digest = running.image ? running.image.digest.slice(0, 8) : ""
            if (!fault) await callBack()
            await keepDiagnostics(fault ? "exception" : "trial", state.code, digest, fault)
            await goBack()
            takeGivenUp()
            fault = undefined
            dispatch({ kind: Ev.WentBack })
            break
        }
    }
}

/** A start that had to give something up is news for the server. */
async function reportBoot() {
    const givenUp = takeGivenUp()
    if (!givenUp) return
    const space = givenUp.indexOf(" ")
    const code = givenUp.slice(0, space)
    await keepDiagnostics("panic", code, givenUp.slice(space + 1), undefined)
    dispatch({ kind: Ev.WentBack, code })
}

function isFetching() {
    return state.next === Do.FetchSignature || state.next === Do.FetchImage
}

/** What the server says no to for good, when it is asked for a blob. */
function isRefusal(code: string) {
    return isFetching() && (code === "HOV_HTTP_404" || code === "HOV_HTTP_416" || code === "HOV_HTTP_410")
}

async function failed(e: any) {
    releaseSocket()
    const code: string = e.message
    if (code === "HOV_NET_CANCELLED") return
    if (code !== "HOV_HTTP_LENGTH") shortAnswers = 0
    else if (isFetching()) shortAnswers++
    if (isRefusal(code) || shortAnswers >= SHORT_TRIES) {
        shortAnswers = 0
        return dispatch({ kind: Ev.Refused, code })
    }
    dispatch({ kind: Ev.NetworkDown })
    if (movedFrom && state.failures >= MOVE_TRIES && useServer(config, movedFrom)) {
        serverUrl = movedFrom
        movedFrom = ""
    }
    let waitMs = Math.round(backOffMs(state.failures, Math.random()))
    if (e.retryAfterS > 0) waitMs = Math.max(waitMs, e.retryAfterS * 1000)
    hov("retry", `code=${code} failures=${state.failures} ms=${waitMs}`)
    await nap(waitMs)
}

async function configure() {
    isConfigured = true
    config = await readConfig()
    setPolicy(config.policy)
    serverUrl = config.url
    movedFrom = ""
    online = !!config.url && useServer(config, config.url)
    if (config.url && !online) hov("code", "code=HOV_CONFIG_URL")
    hov("start", `id=${config.id} online=${online} ch=${config.channel}`)
}

async function run() {
    self = ds.Fiber.self()
    await configure()
    trialEndMs = ds.millis() + config.trialMs
    await loadTrust()
    await reportBoot()
    if (coldHook.cold) {
        const job = await coldHook.cold.resume()
        if (job) beginColdTrial(job)
    }
    // a fleet that gets its power back together must not ask together
    if (online && !coldTrial) await nap(Math.round(config.jitterMs * Math.random()))
    while (true) {
        if (!isConfigured) await configure()
        lookForFreeze()
        while (inbox.length) dispatch(inbox.shift())
        try {
            await act()
        } catch (e) {
            await failed(e)
        }
    }
}

async function faulted(f: Fault) {
    fault = f
    await callBack()
    hov("fault", `fn=${f.functionIndex} pc=${f.pc} msg=${f.message}`)
    send({ kind: Ev.Fault, code: "HOV_TRIAL_FAULT" })
}

export function startActor() {
    if (self) return
    onActivationThrow(() => {
        if (running.onTrial) send({ kind: Ev.Fault, code: "HOV_TRIAL_ACTIVATION" })
    })
    onFault(f => {
        faulted.start(f)
    })
    run.start()
}
