import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
import { Server, startServer } from "@devicescript/server"
import { eraseBank, rollBack, running, runningSequence, runningVersion } from "../bootloader/boot"
import { Bank } from "../bootloader/boot-state"
import { bootRecord } from "../bootloader/record-keeper"
import { baseId } from "../hotswap"
import { changes, confirm, send, updaterState } from "./actor"
import { addArtifact, artifactJob, artifactReceived, beginArtifact, dropArtifact } from "./artifact"
import { storedDiagnostics } from "./report"
import { Ev, Job, Phase, UpdaterEvent } from "./updater-state"

/**
 * The updater for the bus: a USB tool, a browser or another board gives the artifact
 * that a server would. The service is `services/bootloader.md`. A program that does not
 * call `startBootloaderServer` does not carry it.
 */
class BootloaderServer extends Server implements ds.HandoverBootloaderServerSpec {
    /** Committed, and the actor has not come to it yet. */
    committed: Job

    constructor() {
        super(ds.HandoverBootloader.spec)
    }
    isWaiting() {
        if (updaterState().job === this.committed) this.committed = undefined
        return !!this.committed
    }
    phase() {
        return this.isWaiting() ? Phase.Checking : (updaterState().phase as number)
    }
    slot() {
        return running.slot as number
    }
    activeVersion() {
        return runningVersion()
    }
    base() {
        return Buffer.from(baseId(), "hex")
    }
    sequence() {
        return runningSequence()
    }
    errorCode() {
        return this.isWaiting() ? "" : updaterState().code
    }
    received() {
        return artifactReceived()
    }
    bankA() {
        return bankFields(bootRecord().a)
    }
    bankB() {
        return bankFields(bootRecord().b)
    }
    counts(): any {
        const record = bootRecord()
        return [record.panics, Math.min(record.rollbacks, 255), record.tryAttempts]
    }
    nextSlot() {
        return bootRecord().active as number
    }
    async diagnostics() {
        return await storedDiagnostics()
    }
    begin(size: any) {
        beginArtifact(size)
    }
    /** More than one field of a packet comes as one array. */
    write(fields: any): any {
        // a packet that is too short has fields missing; an exception here would end the program
        const data: Buffer = fields ? fields[2] : undefined
        if (!(data instanceof Buffer)) return artifactReceived()
        if (digest("sha256", data).getAt(0, "u32") !== fields[1]) return artifactReceived()
        return addArtifact(fields[0], data)
    }
    commit() {
        const job = artifactJob()
        // during a trial a new update is passed over
        if (!job || updaterState().phase === Phase.Trial) return
        this.committed = job
        send({ kind: Ev.Update, job })
    }
    confirm() {
        confirm()
    }
    reject() {
        if (running.onTrial) send({ kind: Ev.Fault, code: "HOV_TRIAL_REJECTED" })
    }
    cancel() {
        dropArtifact()
        send({ kind: Ev.Cancel })
    }
    rollback() {
        if (running.onTrial) this.reject()
        else send({ kind: Ev.Order, order: orderedBack })
    }
    erase(slot: any) {
        send({ kind: Ev.Order, order: async () => ({ kind: Ev.Settled, code: await eraseBank(slot) }) })
    }
}

async function orderedBack(): Promise<UpdaterEvent> {
    const code = await rollBack()
    return code ? { kind: Ev.Settled, code } : { kind: Ev.WentBack, code: "HOV_ROLLBACK_ORDERED" }
}

function bankFields(bank: Bank): any {
    return [bank.image.sequence, bank.status, bank.attempts, bank.image.version]
}

export function startBootloaderServer() {
    const server = new BootloaderServer()
    startServer(server)
    changes.subscribe(async state => {
        await server.sendEvent(ds.HandoverBootloader.spec.lookup("changed").encode(state.phase as number))
    })
}
