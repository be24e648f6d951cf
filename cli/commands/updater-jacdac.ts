import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"
import type { BoardPhase, BoardState, BusBootloader } from "../jacdac/bootloader-client.ts"
import { type BusTarget, type SimTarget, withBoardOnBus } from "../jacdac/one-board.ts"
import { inProject, shown } from "../paths.ts"
import { newestFor, type ReleaseFile } from "../release-files.ts"
import type { Session } from "../session.ts"
import { pushTo } from "./push.ts"

/* The verbs of `handover updater` over the bus, real or simulated. There is no server: what could be taken is what was built in this project. */

type Target = BusTarget | SimTarget

const CANCEL_MS = 5000
const LOOK_MS = 200
const busyPhases: readonly BoardPhase[] = ["checking", "downloading", "ready", "trial"]
const isBusy = (state: BoardState) => busyPhases.includes(state.phase)

const outDir = ({ config }: Session) => inProject(config, config.outDir)

function builtFor(session: Session, state: BoardState): ReleaseFile | undefined {
    const built = newestFor(outDir(session), state.base)
    return built && built.artifact.manifest.sequence > state.sequence && built.artifact.manifest.version !== state.version ? built : undefined
}

const withState = <T>(session: Session, target: Target, use: (state: BoardState, device: string, board: BusBootloader) => Promise<T> | T): Promise<T> =>
    withBoardOnBus(session, target, async board => await use(await board.state(), board.board.deviceId, board))

export function check(session: Session, target: Target): Promise<number> {
    return withState(session, target, (state, device) => {
        const built = builtFor(session, state)
        const manifest = built?.artifact.manifest
        const available = manifest ? { release: manifest.version, version: manifest.version, sequence: manifest.sequence, bytes: manifest.imageSizeBytes } : null
        session.out.result({ ok: true, device, current: state.version, available }, () =>
            built && available ? `${available.version} is built: ${available.bytes} bytes (${shown(built.file)}); ${device} runs ${state.version}` : `nothing newer is built for ${device}: ${state.version}`,
        )
        return available ? EXIT.available : EXIT.ok
    })
}

export function current(session: Session, target: Target): Promise<void> {
    return withState(session, target, ({ version, sequence, slot, base, phase }, device) => {
        session.out.result({ ok: true, device, version, sequence, bank: slot, base, state: phase }, `${version}, bank ${slot}, ${phase}, base ${base}`)
    })
}

/** What is on trial is not what the next start runs until it is kept: the bus does not say what is behind it. */
export function path(session: Session, target: Target): Promise<void> {
    return withState(session, target, ({ version, slot, phase }, device) => {
        const onTrial = phase === "trial"
        session.out.result({ ok: true, device, now: slot, next: onTrial ? null : slot, version: onTrial ? null : version }, () =>
            onTrial ? `${version} is on trial: its end decides` : `bank ${slot} goes on, with ${version}`,
        )
    })
}

export function update(session: Session, { timeout, ...target }: Target & { readonly timeout: number }, version?: string): Promise<number> {
    return withState(session, target, async (state, device, board) => {
        const built = version === undefined ? builtFor(session, state) : newestFor(outDir(session), state.base, version)
        if (version !== undefined && !built)
            throw new CliError("HOV_CLI_FILE", `${version} is not built for the base ${state.base} in ${shown(outDir(session))}: make it with "handover release ${version}"`)
        if (!built || built.artifact.manifest.version === state.version) {
            session.out.result({ ok: true, device, version: state.version, command: null }, `${device} is up to date: ${state.version}`)
            return EXIT.ok
        }
        return await pushTo(session, board, built.bytes, timeout * 1000)
    })
}

export function status(session: Session, target: Target): Promise<number> {
    return withState(session, target, (state, device) => {
        const busy = isBusy(state)
        const bad = state.phase === "failed" || state.phase === "rolledBack"
        session.out.result(
            { ok: !bad, device, state: state.phase, busy, version: state.version, code: state.code },
            `${device}: ${state.version}, bank ${state.slot}, ${state.phase}${state.code ? ` ${state.code}` : ""}`,
        )
        return busy ? EXIT.busy : bad ? EXIT.updateFailed : EXIT.ok
    })
}

/** Also drops the pieces of an artifact that has not come whole. A packet may get lost, so it is said until it has happened. */
export function cancel(session: Session, target: Target): Promise<void> {
    return withState(session, target, async (before, device, board) => {
        const endMs = performance.now() + CANCEL_MS
        let state = before
        do {
            if (state.phase === "trial") throw new CliError("HOV_CLI_NOT_ACTIVE", `${device} runs ${state.version} on trial already: it can be rejected, not cancelled`, EXIT.failed)
            if (performance.now() > endMs) throw new CliError("HOV_CLI_TIMEOUT", `${device} is still ${state.phase}`, EXIT.failed)
            board.cancel()
            await new Promise(resolve => setTimeout(resolve, LOOK_MS))
            state = await board.state()
        } while (isBusy(state))
        session.out.result({ ok: true, device, before: before.phase, state: state.phase }, `${device}: nothing is under way`)
    })
}
