import * as ds from "@devicescript/core"
import { Server, startServer } from "@devicescript/server"
import { running, runningSequence, runningVersion } from "../bootloader/boot"
import { baseId } from "../hotswap"
import { changes, confirm, send, updaterState } from "./actor"
import { addArtifact, artifactJob, artifactReceived, beginArtifact, dropArtifact } from "./artifact"
import { Ev } from "./updater-state"

/**
 * The updater for the bus: a USB tool, a browser or another board gives the artifact
 * that a server would. The service is `services/bootloader.md`. A program that does not
 * call `startBootloaderServer` does not carry it.
 */
class BootloaderServer extends Server implements ds.HandoverBootloaderServerSpec {
    constructor() {
        super(ds.HandoverBootloader.spec)
    }
    phase() {
        return updaterState().phase as number
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
        return updaterState().code
    }
    received() {
        return artifactReceived()
    }
    begin(size: any) {
        beginArtifact(size)
    }
    /** More than one field of a packet comes as one array. */
    write(fields: any): any {
        // a packet that is too short has fields missing; an exception here would end the program
        if (!fields || !(fields[1] instanceof Buffer)) return artifactReceived()
        return addArtifact(fields[0], fields[1])
    }
    commit() {
        const job = artifactJob()
        if (job) send({ kind: Ev.Update, job })
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
}

export function startBootloaderServer() {
    const server = new BootloaderServer()
    startServer(server)
    changes.subscribe(async state => {
        await server.sendEvent(ds.HandoverBootloader.spec.lookup("changed").encode(state.phase as number))
    })
}
