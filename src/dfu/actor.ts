import * as ds from "@devicescript/core"
import {
    callBack,
    goBack,
    keepRunning,
    revertToBase,
    running,
} from "../bootloader/boot"
import { onActivationThrow } from "../bootloader/activation"
import { hov } from "../bootloader/log"
import { prepareLog } from "../bootloader/log-keeper"
import { bootRecord, takeGivenUp } from "../bootloader/record-keeper"
import { confirmTrial, Fault, isMigrationStuck, onFault } from "../hotswap"
import { chance } from "./chance"
import { coldHook } from "./cold-hook"
import { lookForFreeze, takeCommand } from "./commands"
import { Config } from "./config"
import { poll, setClientState } from "./device-api"
import {
    allowsOlder,
    checkImage,
    fetchImage,
    manifestImage,
    openManifest,
    runImage,
    storeImage,
    verifySignature,
} from "./download"
import {
    beginHealth,
    isAlive,
    isLate,
    missing,
    noteConfirm,
    trialLeftMs,
    wantConfirm,
    watchMainLoop,
} from "./health"
import { isBusy, mayBegin, setAsked, setBusyFlag } from "./policy"
import { actualState, keepDiagnostics, recallDiagnostics, report, reportsWaiting, sendReports } from "./report"
import { configureLink, isOnline, lastContact, noteContact, noteFailures } from "./server-link"
import { releaseSocket, setIdlePoll, takeSocket, wakePoll } from "./socket-lease"
import { loadTrust } from "./trust"
import {
    backOffMs,
    Do,
    Ev,
    initialState,
    Job,
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

/** A download asks for news (a cancel) this often. */
const NEWS_MS = 2000
const NAP_MS = 60000
/** A trial that waits for the app's word looks again this often. */
const LOOK_MS = 1000
/** The store is prepared this long after power-on, out of the way of what comes first. */
const PREPARE_MS = 20000
const COLD_RETRY_MS = 5000
/** Answers of the wrong length or digest in a row before a blob counts as damaged at the server. */
const BAD_TRIES = 5

let state: UpdaterState = initialState
const inbox: UpdaterEvent[] = []
let fault: Fault
let config: Config
let self: ds.Fiber
let napping = false
let minPollMs = 0
let badAnswers = 0
/** A start from a bank: its guard stands still. */
let guarded = true
let isConfigured = false
let isPrepared = false
/** This base came over the air, and is not confirmed yet. */
let coldTrial = false

/** Fires with every change of the phase. */
export const changes = ds.emitter<UpdaterState>()

export function updaterState() {
    return state
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
    wantConfirm()
}

export function confirm() {
    noteConfirm()
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
    const endMs = ds.millis() + ms
    napping = true
    // a late answer to an earlier wait of this fiber may resume it: that is no reason to be early
    while (napping && ds.millis() < endMs) await ds.suspend(endMs - ds.millis())
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
    setClientState(phaseNames[state.phase])
    report(state)
    changes.emit(state)
}

/** A refusal when there is a code, else the event. */
function settle(code: string, kind: Ev) {
    if (code) dispatch({ kind: Ev.Refused, code })
    else dispatch({ kind })
}

async function contact(holdS: number) {
    await takeSocket()
    await sendReports()
    const startMs = ds.millis()
    setIdlePoll(holdS > 0)
    const command = await poll(actualState(state, config.channel), holdS)
    releaseSocket()
    noteContact(!command || !command.move)
    dispatch({ kind: Ev.NetworkUp })
    if (command) {
        if (command.pollMs > 0) minPollMs = command.pollMs
        return await takeCommand(command, state, dispatch)
    }
    // a server that does not hold, or asked for it, is not asked at once again
    const leftMs = Math.max(minPollMs, 1000) - (lastContact() - startMs)
    if (holdS > 0 && leftMs > 0) await nap(leftMs)
}

async function pollOnce() {
    const leftMs = running.onTrial ? trialLeftMs() : 0
    if (!isOnline()) return await nap(leftMs > 0 ? leftMs : NAP_MS)
    let holdS = config.pollS
    if (leftMs > 0) holdS = Math.min(holdS, Math.idiv(leftMs, 1000) + 1)
    await contact(holdS)
}

/** A download that takes its time, or does not get on, asks whether it is still wanted. */
function newsAreDue() {
    return isOnline() && ds.millis() - lastContact() > NEWS_MS
}

async function watch() {
    const leftMs = trialLeftMs()
    const code = missing(isOnline(), lastContact())
    if (code && isLate(code)) dispatch({ kind: Ev.Fault, code })
    else if (code === "HOV_TRIAL_CONTACT") await contact(0)
    else if (leftMs > 0) await nap(leftMs)
    else if (!(await isAlive())) dispatch({ kind: Ev.Fault, code: "HOV_TRIAL_HANG" })
    else if (isMigrationStuck()) dispatch({ kind: Ev.Fault, code: "HOV_MIGRATION_TIME" })
    else if (code) await nap(LOOK_MS)
    else dispatch({ kind: Ev.Healthy })
}

/** What has come of the image is where it belongs. */
async function stored() {
    const code = await storeImage(state.doneBytes, mayWrite)
    if (code === "HOV_BUSY") await nap(NEWS_MS)
    else if (code) dispatch({ kind: Ev.Refused, code })
    return !code
}

async function swap() {
    const code = await runImage()
    if (code === "HOV_IMAGE_BAD") await recallDiagnostics(manifestImage().digest.slice(0, 8))
    settle(code, Ev.Swapped)
}

/** A start from a bank is over when what runs is well: then its panics are forgotten. */
async function lookAtStart() {
    if (!running.onTrial || running.fromRam || trialLeftMs() > 0) return
    if (guarded) confirmTrial()
    guarded = false
    if (isBusy() || missing(isOnline(), lastContact())) return
    await keepRunning(mayWrite, false)
    hov("healthy", "")
}

/** To the native cloud adapter, which brings a whole base. The last that the server hears of this one is the trial. */
async function handOver() {
    report({ ...state, phase: Phase.Trial })
    dispatch({ kind: Ev.Refused, code: await coldHook.cold.handOver(state.job, config) })
}

async function giveBack() {
    await keepDiagnostics("trial", state.code, "", undefined)
    await coldHook.cold.giveBack()
    // the server could not be reached that way either: another try with HTTP
    beginColdTrial(state.job)
}

function beginColdTrial(job: Job) {
    coldTrial = true
    state = { ...initialState, phase: Phase.Trial, next: Do.Watch, job }
    beginHealth(config.trialMs)
}

/** One step of what the state asks for. */
async function act() {
    await lookAtStart()
    switch (state.next) {
        case Do.Poll:
            if (!isPrepared && !running.onTrial && ds.millis() > PREPARE_MS) {
                isPrepared = true
                await prepareLog(mayWrite)
            }
            await watchMainLoop()
            await pollOnce()
            break
        case Do.VerifyManifest:
            if (newsAreDue()) return await contact(0)
            settle(openManifest(state.job, bootRecord().minSequence) || (await verifySignature(state.job)), Ev.Verified)
            break
        case Do.FetchImage:
            if (newsAreDue()) return await contact(0)
            if (!(await stored())) break
            dispatch({ kind: Ev.ImageBytes, bytes: await fetchImage(state.job, state.doneBytes) })
            badAnswers = 0
            break
        case Do.CheckImage:
            if (await stored()) settle(await checkImage(state.job), Ev.Checked)
            break
        case Do.Swap:
            if (!mayBegin()) return await pollOnce()
            setAsked(false)
            if (state.job.coldKey) return await handOver()
            await swap()
            beginHealth(config.trialMs)
            break
        case Do.Watch:
            await watch()
            break
        case Do.Keep:
            if (isBusy()) return await pollOnce()
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
        case Do.Order:
            dispatch(await state.order())
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
    return state.next === Do.VerifyManifest || state.next === Do.FetchImage
}

/** What the server says no to for good, when it is asked for a blob. */
function isRefusal(code: string) {
    return isFetching() && (code === "HOV_HTTP_404" || code === "HOV_HTTP_416" || code === "HOV_HTTP_410")
}

async function failed(e: any) {
    releaseSocket()
    const code: string = e.message
    if (code === "HOV_NET_CANCELLED") return
    if (code !== "HOV_HTTP_LENGTH" && code !== "HOV_HTTP_DIGEST") badAnswers = 0
    else if (isFetching()) badAnswers++
    if (isRefusal(code) || badAnswers >= BAD_TRIES) {
        badAnswers = 0
        return dispatch({ kind: Ev.Refused, code })
    }
    dispatch({ kind: Ev.NetworkDown })
    noteFailures(state.failures)
    let waitMs = backOffMs(state.failures, chance()) | 0
    // a base on trial must find out soon whether it reaches the server at all
    if (coldTrial) waitMs = Math.min(waitMs, COLD_RETRY_MS)
    if (e.retryAfterS > 0) waitMs = Math.max(waitMs, e.retryAfterS * 1000)
    hov("retry", `code=${code} failures=${state.failures} ms=${waitMs}`)
    await nap(waitMs)
}

async function configure() {
    isConfigured = true
    config = await configureLink()
}

async function run() {
    self = ds.Fiber.self()
    await configure()
    beginHealth(config.trialMs)
    await loadTrust()
    await reportBoot()
    if (coldHook.cold) {
        const job = await coldHook.cold.resume()
        if (job) beginColdTrial(job)
    }
    // a fleet that gets its power back together must not ask together
    if (isOnline() && !coldTrial) await nap((config.jitterMs * chance()) | 0)
    while (true) {
        if (!isConfigured) await configure()
        lookForFreeze(state)
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
    send({ kind: Ev.Fault, code: f.message.startsWith("HOV_MIGRATION") ? f.message : "HOV_TRIAL_FAULT" })
}

export function startActor() {
    if (self) return
    onActivationThrow(() => {
        // the way back is told, too
        if (running.onTrial && state.next !== Do.GoBack) send({ kind: Ev.Fault, code: "HOV_TRIAL_ACTIVATION" })
    })
    onFault(f => {
        faulted.start(f)
    })
    run.start()
}
