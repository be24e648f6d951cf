import { running } from "../bootloader/boot"
import { hov } from "../bootloader/log"
import { baseVersion } from "../hotswap"
import { Command, fetchBlob, SignedStatement } from "./device-api"
import { report } from "./report"
import { moveTo, takeToken } from "./server-link"
import { releaseSocket, takeSocket } from "./socket-lease"
import { frozen, takeStatement } from "./trust"
import { Do, Ev, Job, Phase, UpdaterEvent, UpdaterState } from "./updater-state"

/* What a server's answer to a poll makes the board do. */

const STATEMENT_PIECE_BYTES = 512

let wasFrozen = false

/** What the server asks for; `dispatch` gives an event to the rules, which may change the state. */
export async function takeCommand(command: Command, state: UpdaterState, dispatch: (event: UpdaterEvent) => void) {
    if (state.next === Do.Poll) {
        if (command.revoke) await takeSigned(command.revoke, state)
        if (command.fresh) await takeSigned(command.fresh, state)
    }
    if (command.cmd) hov("command", `cmd=${command.cmd} id=${command.id} v=${command.v}`)
    if (command.token) await takeToken(command.token)
    if (command.move) moveTo(command.move)
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
        const isTried = running.onTrial && running.fromRam
        if (image && !command.cold && command.img.slice(0, 32) === image.digest && !isTried)
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

/** A code that no command has to do with. */
function reportCode(code: string, state: UpdaterState) {
    report({ ...state, job: undefined, phase: Phase.Idle, code })
}

/** A statement's signature is read where it is needed, and never held as a whole. */
async function takeSigned(s: SignedStatement, state: UpdaterState) {
    await takeSocket()
    const code = await takeStatement(Buffer.from(s.m, "hex"), s.sigLen, async offset => {
        return await fetchBlob(s.sig, offset, Math.min(STATEMENT_PIECE_BYTES, s.sigLen - offset))
    })
    releaseSocket()
    hov("statement", `code=${code}`)
    if (code) reportCode(code, state)
}

/** Tells the server, and the log, when the board begins to be kept back. */
export function lookForFreeze(state: UpdaterState) {
    if (frozen() === wasFrozen) return
    wasFrozen = !wasFrozen
    hov("frozen", `frozen=${wasFrozen}`)
    if (wasFrozen) reportCode("HOV_FROZEN", state)
}
