import * as ds from "@devicescript/core"
import { bootRecord, running, runningSequence, runningVersion, slotName } from "./bootloader/boot"
import {
    changes,
    confirm,
    lastContact,
    requireConfirm,
    send,
    setBusy,
    updaterState,
    wake,
} from "./dfu/actor"
import { frozen } from "./dfu/trust"
import { Ev, Phase, phaseNames, UpdaterState } from "./dfu/updater-state"
import { baseId } from "./hotswap"

const CHECK_MS = 15000

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
        while (lastContact() === beforeMs && ds.millis() < endMs) await ds.sleep(50)
        const phase = updaterState().phase
        return phase === Phase.Checking || phase === Phase.Downloading
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
