import * as ds from "@devicescript/core"
import { writeValue } from "./bootloader/store"
import { running, runningSequence, runningVersion, slotName } from "./bootloader/boot"
import { bootRecord } from "./bootloader/record-keeper"
import {
    changes,
    confirm,
    goAhead,
    reconfigure,
    requireConfirm,
    send,
    setBusy,
    updaterState,
    wake,
} from "./dfu/actor"
import { setAsked, setPolicy } from "./dfu/policy"
import { lastContact } from "./dfu/server-link"
import { frozen } from "./dfu/trust"
import { Ev, Phase, phaseNames, UpdaterState } from "./dfu/updater-state"
import { baseId } from "./hotswap"

const CHECK_MS = 15000
const NAP_MS = 50
const WRITE_MS = 1000

/** What `Updater.configure` changes; what is left out stays. */
export interface Reconfiguration {
    /** `http://host:port`; "" = no server */
    url?: string
    channel?: string
    token?: string
    /** see `dfu/policy.ts` */
    policy?: string
}

/**
 * The updater in the hands of the app:
 *
 *     if (Updater.status().state === "confirmed") led.show()
 *
 * What a program does not call is not in its image.
 */
export class Updater {
    /** Asks the server now; true when it has something for this board. False also without contact. */
    static async check() {
        const beforeMs = lastContact()
        const endMs = ds.millis() + CHECK_MS
        wake()
        while (lastContact() === beforeMs && ds.millis() < endMs) await ds.sleep(NAP_MS)
        const phase = updaterState().phase
        return phase >= Phase.Checking && phase <= Phase.Ready
    }

    /**
     * Takes what the server has, now and under every policy, and waits for the end of its trial.
     * True when it runs and is kept; `status().code` says why not.
     */
    static async update() {
        goAhead()
        await Updater.check()
        let waited = false
        while (updaterState().phase >= Phase.Checking && updaterState().phase <= Phase.Trial) {
            waited = true
            await ds.sleep(NAP_MS)
        }
        setAsked(false)
        return waited && updaterState().phase === Phase.Confirmed
    }

    /** When an update may begin, until the next start; the setting `hPolicy` is for good. */
    static setPolicy(policy: string) {
        setPolicy(policy)
        wake()
    }

    /** Another server or channel, from now on and over restarts. False when the store did not take it. */
    static async configure(to: Reconfiguration) {
        const values: any = { hUrl: to.url, hChannel: to.channel, hToken: to.token, hPolicy: to.policy }
        for (const key of Object.keys(values)) {
            if (values[key] === undefined) continue
            const value = Buffer.from(JSON.stringify(values[key]))
            if (!(await writeValue(key, value, ds.millis() + WRITE_MS))) return false
        }
        reconfigure()
        return true
    }

    /** What runs now. */
    static current() {
        return {
            version: runningVersion(),
            sequence: runningSequence(),
            bank: slotName(running.slot),
            base: baseId(),
            onTrial: running.onTrial,
        }
    }

    /** The slot that the next start will run: "A", "B" or "R". */
    static path() {
        return slotName(bootRecord().active)
    }

    /** How far the last or present update is; `code` is why it did not go well. */
    static status() {
        const s = updaterState()
        return {
            state: phaseNames[s.phase],
            version: s.job ? s.job.version : "",
            doneBytes: s.doneBytes,
            ofBytes: s.job ? s.job.imageSizeBytes : 0,
            code: s.code,
        }
    }

    /** The server keeps the board back: what the signer calls the newest does not come (code HOV_FROZEN). */
    static isKeptBack() {
        return frozen()
    }

    /** Ends an update; no effect once its code runs. */
    static cancel() {
        send({ kind: Ev.Cancel })
    }

    /** From now on a trial needs the app's `confirm`; a minute without it calls the image back. */
    static requireConfirm() {
        requireConfirm()
    }

    static confirm() {
        confirm()
    }

    /** The app finds what runs on trial wanting: back to what ran before. */
    static reject() {
        if (running.onTrial) send({ kind: Ev.Fault, code: "HOV_TRIAL_REJECTED" })
    }

    /** While busy, nothing is written to flash: an erase stalls the CPU for 45 ms. */
    static setBusy(on: boolean) {
        setBusy(on)
    }

    /** Calls the handler with every change of `status().state`. */
    static onChange(handler: (state: UpdaterState) => Promise<void> | void) {
        return changes.subscribe(handler)
    }
}
