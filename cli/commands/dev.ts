import { type Command, Option } from "commander"
import { createInterface } from "node:readline"
import { faultOfLogLine, formatFault, symbolizeFault, symbolizeStackLine } from "../../toolchain/pack/symbolize.ts"
import type { BaseBundle } from "../../toolchain/pack/base-bundle.ts"
import type { ImageMap } from "../../toolchain/pack/image-map.ts"
import type { Signer } from "../../toolchain/sign/index.ts"
import { keptBy } from "../../toolchain/keep-library.ts"
import { WarmCompiler } from "../../toolchain/warm-compiler.ts"
import { CliError } from "../cli-error.ts"
import { describeError } from "../describe-error.ts"
import { BusTarget } from "../dev/bus-target.ts"
import { EditLoop } from "../dev/edit-loop.ts"
import { ServerTarget } from "../dev/server-target.ts"
import { type DevCallbacks, DevSession, type EditResult } from "../dev/session.ts"
import type { DevRelease, DevTarget } from "../dev/target.ts"
import { watchProject } from "../dev/watch-project.ts"
import { readEnvFiles } from "../env-file.ts"
import { BRIDGE_DEFAULT } from "../jacdac/one-board.ts"
import { plural } from "../output.ts"
import { bundlesFolder, inProject, shown } from "../paths.ts"
import { withProgress } from "../progress.ts"
import { findBundle } from "../project-programs.ts"
import { highestSequence, writeRelease } from "../release-files.ts"
import { action, type Session } from "../session.ts"
import { signerFor } from "../signers.ts"
import { formatRefusals } from "../update-report.ts"

interface Options {
    readonly device?: string
    readonly jacdac?: boolean
    readonly bridge: string
    readonly chip: "esp32" | "rp2040"
    readonly id: string
    readonly fresh?: boolean
}

export function addDev(program: Command): void {
    program
        .command("dev")
        .summary("bring every saved edit to a running board")
        .description(
            "Watches the project. Each time a file is saved: compiles, says what cannot go live and why, or signs the change and\n" +
                "lets the running board take it over. Without options the board is a simulated one of this session's own; with\n" +
                "--jacdac it is on the bridge of \"npx devicescript devtools\" (USB, or the simulator in VS Code); with --device it polls the server.\n" +
                "Boards that are not simulated must run a base that was built here (handover build).",
        )
        .option("--jacdac", "a board on the Jacdac bridge; its program must have called startBootloaderServer()")
        .option("--device <id>", "with --jacdac: the id of its bootloader service, where there are several; else: a device of the server")
        .option("--bridge <host:port>", "where the Jacdac bridge is", BRIDGE_DEFAULT)
        .addOption(new Option("--chip <chip>", "kind of the simulated board").choices(["esp32", "rp2040"]).default("esp32"))
        .option("--id <hex>", "id of the simulated board, 16 hex digits", "5155510000000001")
        .action(action(dev))
}

async function dev(session: Session, options: Options): Promise<void> {
    if (!/^[0-9a-f]{16}$/i.test(options.id)) throw new CliError("HOV_CLI_USAGE", `--id ${options.id}: a device id has 16 hex digits`)
    const desk = options.jacdac || options.device !== undefined ? await connected(session, options) : await simulated(session, options)
    try {
        await watchUntilStopped(session, desk)
    } finally {
        await desk.close()
    }
}

/** A target, what compiles for it, and what has been said of it so far. */
interface Desk {
    readonly target: DevTarget
    readonly compiler: WarmCompiler
    readonly log: BoardLog
    /** puts the sources as they are on the board, with a restart; undefined where that is not this command's to do */
    restart?: () => Promise<void>
    /** keeps what goes to a board that outlives this session: its map names lines later, its sequence is taken */
    keep?: (release: DevRelease) => void
    close(): Promise<void>
}

async function simulated(session: Session, options: Options): Promise<Desk> {
    const { config, out } = session
    const [{ SimulatedTarget }, { SessionKey }] = await Promise.all([import("../dev/simulated-target.ts"), import("../dev/session-key.ts")])
    const key = await SessionKey.make()
    const compiler = new WarmCompiler({ projectDir: config.projectDir, entry: config.entry, keep: config.keep, trustedKeys: [key.publicKey], productId: config.productId })
    const log = new BoardLog(session)
    const start = async () => {
        const program = await withProgress(out, "Compile the project", () => compiler.compile())
        const settings = readEnvFiles([".env.defaults", ".env.local"].map(f => inProject(config, f)))
        return await withProgress(out, "Start a simulated board", () =>
            SimulatedTarget.start(program, key.signer, {
                chip: options.chip,
                deviceId: options.id.toLowerCase(),
                settings,
                baseVersion: config.packageVersion ?? "0.0.0",
                onLine: line => log.line(line),
            }),
        )
    }
    const desk = {
        target: undefined as unknown as DevTarget,
        compiler,
        log,
        restart: async () => {
            await desk.target?.close()
            desk.target = await start()
            log.base = desk.target.base
            log.map = undefined
        },
        close: async () => {
            await desk.target?.close()
            compiler.close()
            key.remove()
        },
    }
    try {
        await desk.restart()
        return desk
    } catch (e) {
        await desk.close()
        throw e
    }
}

async function connected(session: Session, options: Options): Promise<Desk> {
    const { config, env } = session
    const choose = async (baseId: string): Promise<{ base: BaseBundle; signer: Signer }> => {
        const base = findBundle(config.outDir, baseId)
        if (!base) throw new CliError("HOV_CLI_FILE", `the board runs base ${baseId}, of which there is no bundle in ${shown(bundlesFolder(config.outDir))}: build a base and deploy it, or put its bundle there`)
        return { base, signer: (await signerFor(base, config, [], env)).signer }
    }
    const target = options.jacdac ? await BusTarget.connect({ bridge: options.bridge, device: options.device }, choose) : await ServerTarget.connect(session.api(), config.app, options.device!, choose)
    const { base } = target
    const compiler = new WarmCompiler({ projectDir: config.projectDir, entry: config.entry, keep: keptBy(base.linked.program), trustedKeys: base.trustedKeys, productId: base.productId })
    const log = new BoardLog(session)
    log.base = base
    return {
        target,
        compiler,
        log,
        keep: ({ version, artifact, map }) => void writeRelease(config.outDir, version, base.baseId, artifact, map),
        close: async () => {
            await target.close()
            compiler.close()
        },
    }
}

async function watchUntilStopped(session: Session, desk: Desk): Promise<void> {
    const { out, config } = session
    let stop: (failure?: unknown) => void = () => {}
    const stopped = new Promise<void>((resolve, reject) => {
        stop = failure => (failure === undefined ? resolve() : reject(failure as Error))
    })
    const callbacks: DevCallbacks = {
        onRelease: release => desk.keep?.(release),
        onEdit: result => out.result({ event: "edit", ...result }, () => editText(result, desk.restart !== undefined && process.stdin.isTTY)),
        onEnd: (outcome, release) => {
            desk.log.map = outcome.phase === "confirmed" ? release.map : desk.log.map
            if (outcome.phase === "confirmed") return out.result({ event: "end", ...outcome }, "")
            const fault = desk.log.lastFault(release.map)
            out.result({ event: "end", ...outcome, ...(fault ? { fault } : {}) }, () => `${outcome.version} ${outcome.phase === "rolledBack" ? "was called back" : "was not taken"}: ${outcome.code}${fault ? `\n${fault}` : ""}`)
        },
    }
    const begun = () => new DevSession(desk.target, Math.max(desk.target.sequence, highestSequence(config.outDir, desk.target.base.baseId)), () => desk.compiler.compile(), callbacks)
    let edits = begun()
    let restartIsWanted = false
    const restart = async () => {
        restartIsWanted = false
        await desk.restart?.()
        edits = begun()
        out.result({ event: "restarted", base: desk.target.base.baseId }, `the board runs the sources as they are (base ${desk.target.base.baseId})`)
    }
    const loop = new EditLoop(changedMs =>
        (restartIsWanted ? restart() : edits.edited(changedMs)).catch(e => {
            // a server or a board may be there again for the next edit; a defect is not to be hidden
            const { code, message } = describeError(e)
            if (code === "HOV_CLI_INTERNAL" || !desk.target) return stop(e)
            out.result({ event: "failed", code, message }, `failed: ${message} (${code})`)
        }),
    )
    const { base } = desk.target
    const unwatch = await watchProject(config.projectDir, path => {
        out.result({ event: "saved", path }, `saved ${path}`)
        loop.changed()
    })
    out.result({ event: "ready", target: desk.target.name, base: base.baseId, version: base.version }, () =>
        `ready: ${desk.target.name} runs ${base.version} (base ${base.baseId}); save a file of ${shown(config.projectDir) || "the project"}, Ctrl-C ends it`,
    )
    const keys = process.stdin.isTTY && desk.restart ? createInterface({ input: process.stdin }) : undefined
    keys?.on("line", line => {
        if (line.trim() !== "r") return
        restartIsWanted = true
        loop.changed()
    })
    const onSignal = () => stop()
    process.once("SIGINT", onSignal).once("SIGTERM", onSignal)
    try {
        await stopped
    } finally {
        process.off("SIGINT", onSignal).off("SIGTERM", onSignal)
        keys?.close()
        await unwatch()
        await loop.close()
    }
}

function editText(result: EditResult, canRestart: boolean): string {
    switch (result.is) {
        case "running": {
            const { compiledMs, runningMs } = result.times
            const names = result.functions.length ? result.functions.join(", ") : "nothing left to replace"
            const notes = result.notes.map(n => `\n  mind: ${n.code} ${n.location} ${n.functionName}: ${n.detail}`).join("")
            return `runs ${runningMs} ms after the edit (${compiledMs} ms to compile): ${result.version}, ${plural(result.imageBytes, "byte")}, ${names}${notes}`
        }
        case "refused":
            return `${formatRefusals(result.refusals)}${canRestart ? "\n  or press r and Enter: the board restarts with it" : ""}`
        case "notCompiled":
            return `${result.message}\nnot compiled: the board goes on with what it has`
        case "unchanged":
            return "unchanged: the board runs this already"
    }
}

/** The board's serial log, with names and lines where it has only numbers. */
class BoardLog {
    base: BaseBundle | undefined
    /** of the image that runs */
    map: ImageMap | undefined
    private readonly session: Session
    private fault: string | undefined

    constructor(session: Session) {
        this.session = session
    }

    line(line: string): void {
        if (faultOfLogLine(line)) this.fault ??= line
        const { out } = this.session
        // what the program prints; the rest is the VM's
        if (!out.verbose && !/^> (?!HOV )|^[!*] |panic|exception|^\s*at /i.test(line)) return
        const frame = this.base && symbolizeStackLine(line, this.base.linked)
        out.result({ event: "line", text: line, ...(frame ? { frame } : {}) }, () => `  | ${line}${frame ? `  ${frame.functionName} (${frame.location})` : ""}`)
    }

    /** The first fault since the last question, with the names of the image that it is of. */
    lastFault(map: ImageMap): string | undefined {
        const fault = this.fault && faultOfLogLine(this.fault)
        this.fault = undefined
        return fault && formatFault(symbolizeFault(fault, map, this.base?.linked))
    }
}
