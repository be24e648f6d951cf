import type { Command } from "commander"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { CliError } from "../cli-error.ts"
import { LogSender } from "../log-sender.ts"
import { inProject } from "../paths.ts"
import { withProgress } from "../progress.ts"
import { action, type Session } from "../session.ts"
import { wholeNumber } from "../option-values.ts"

interface Options {
    readonly boards: number
    readonly real?: boolean
    readonly program: string
    readonly base: string
    readonly runs: string
    readonly hold: number
    readonly fail: number
    readonly trialMs: number
    readonly name?: string
    readonly seed: number
    readonly for?: number
}

interface Seat {
    readonly id: string
    readonly token: string
}

const DEVICES_PER_REQUEST = 1_000
const STARTED_AT_ONCE = 200
const TOLD_MS = 1_000
/** To one server; an address has 28,000 ports for that, unless the system is set otherwise. */
const BOARDS_PER_ADDRESS = 20_000
/** Open files of this process besides the boards' connections. */
const OTHER_FILES = 100
/** Each is a worker with a VM of its own. */
const REAL_MAX = 64

export function addFleet(program: Command): void {
    program
        .command("fleet")
        .summary("simulated boards, for trying rollouts at size")
        .description(
            "Adds boards to the server and runs them until it is stopped (SIGINT, SIGTERM). They speak the device API, download,\n" +
                "install, fail as often as --fail says, and follow the server's `move`. With --real each is the stock VM with the\n" +
                "program that `handover build` made. The devices stay at the server.",
        )
        .option("--boards <n>", "how many", wholeNumber, 10)
        .option("--real", `virtual boards with the stock VM, at most ${REAL_MAX}`)
        .option("--program <file>", "program of real boards", "built/base.devs")
        .option("--base <id>", "base id of the others: 16 hex digits", "00112233445566aa")
        .option("--runs <version>", "version that the others begin with", "1.0.0")
        .option("--hold <seconds>", "how long a poll is held", wholeNumber, 30)
        .option("--fail <percent>", "updates that fail their trial", wholeNumber, 0)
        .option("--trial-ms <n>", "how long a trial takes on average", wholeNumber, 1000)
        .option("--name <prefix>", "what the ids begin with (default: fleet-XXXX-)")
        .option("--seed <n>", "of what fails, and when", wholeNumber, 1)
        .option("--for <seconds>", "stop by itself", wholeNumber)
        .action(action(fleet))
}

async function fleet(session: Session, options: Options): Promise<void> {
    const { boards, hold } = options
    if (boards < 1 || hold > 60 || options.fail > 100 || !/^[0-9a-f]{16}$/.test(options.base)) throw new CliError("HOV_CLI_USAGE", "--boards is at least 1, --hold at most 60, --fail at most 100, --base 16 hex digits")
    if (options.real && boards > REAL_MAX) throw new CliError("HOV_CLI_USAGE", `at most ${REAL_MAX} real boards: leave --real out for more`)
    const files = openFilesMax()
    if (!options.real && boards + OTHER_FILES > files)
        throw new CliError("HOV_CLI_USAGE", `${boards} boards need as many connections, and a process may have ${files} files open here: "ulimit -n ${boards + OTHER_FILES}" for this one and for the server`)
    // before the devices are added: without it none of them would ever run
    const program = options.real ? readFileSync(inProject(session.config, options.program)) : undefined
    const stopped = new Promise<void>(resolve => {
        process.once("SIGINT", () => resolve())
        process.once("SIGTERM", () => resolve())
        if (options.for !== undefined) setTimeout(resolve, options.for * 1000)
    })
    const api = session.api()
    const prefix = options.name ?? `fleet-${randomBytes(2).toString("hex")}-`
    const seats: Seat[] = []
    await withProgress(session.out, `adding ${boards} devices`, async tell => {
        for (let from = 0; from < boards; from += DEVICES_PER_REQUEST) {
            const devices = Array.from({ length: Math.min(DEVICES_PER_REQUEST, boards - from) }, (_, n) => ({ id: `${prefix}${from + n}` }))
            seats.push(...(await api.call<{ items: Seat[] }>("POST", "/devices/batch", { devices })).items)
            tell(`${seats.length} of ${boards}`)
        }
    })
    const stop = program !== undefined ? await startReal(session, options, program, seats) : await startProtocol(session, options, seats)
    await stopped
    const figures = await stop()
    session.out.result({ ok: true, boards, prefix, ...figures }, `${boards} boards stopped: ${JSON.stringify(figures)}`)
}

/** What this process is limited to, by the system. */
function openFilesMax(): number {
    const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: number | string } } }
    const soft = Number(userLimits?.open_files?.soft)
    return Number.isFinite(soft) ? soft : Number.MAX_SAFE_INTEGER
}

async function startProtocol(session: Session, options: Options, seats: readonly Seat[]): Promise<() => Promise<object>> {
    const { out } = session
    const { ProtocolBoard } = await import("../../sim/fleet/protocol-board.ts")
    const { SeededRandom } = await import("../../sim/seeded-random.ts")
    const url = session.serverUrl() as string
    const counts = { polling: 0, updated: 0, rolledBack: 0, failed: 0, moved: 0, trouble: 0 }
    const all = seats.map(({ id, token }, n) => {
        const random = new SeededRandom(options.seed * 1_000_003 + n)
        return new ProtocolBoard({
            url,
            id,
            token,
            baseId: options.base,
            version: options.runs,
            holdS: options.hold,
            failShare: options.fail / 100,
            trialMs: options.trialMs,
            localAddress: `127.0.0.${1 + Math.floor(n / BOARDS_PER_ADDRESS)}`,
            random: () => random.next(),
            onEvent: event => counts[event]++,
        })
    })
    const lives: Promise<void>[] = []
    await withProgress(out, `starting ${all.length} boards`, async tell => {
        for (let from = 0; from < all.length; from += STARTED_AT_ONCE) {
            lives.push(...all.slice(from, from + STARTED_AT_ONCE).map(board => board.run()))
            // The first polls of one lot are answered before the next one begins, or have met trouble.
            while (counts.polling + counts.trouble < lives.length) await new Promise(resolve => setTimeout(resolve, 10))
            tell(`${counts.polling} of ${all.length}`)
        }
    })
    out.note(`${counts.polling} boards poll ${url}`)
    let last = ""
    const telling = setInterval(() => {
        const now = JSON.stringify(counts)
        if (now !== last && !out.json) out.note(now)
        last = now
    }, TOLD_MS)
    return async () => {
        clearInterval(telling)
        for (const board of all) board.stop()
        await Promise.all(lives)
        return counts
    }
}

async function startReal(session: Session, options: Options, program: Uint8Array, seats: readonly Seat[]): Promise<() => Promise<object>> {
    const { out } = session
    const { createBoard } = await import("../../sim/index.ts")
    const boards = await Promise.all(
        seats.map(({ id, token }, n) =>
            createBoard({
                deviceId: (0x12abdd2289000000n + BigInt(n)).toString(16),
                program,
                seed: options.seed + n,
                settings: { hUrl: session.serverUrl() as string, hId: id, hToken: token, hPoll: options.hold, hLog: 1 },
            }),
        ),
    )
    let lines = 0
    const logs = seats.map(seat => new LogSender(session.serverUrl() as string, seat, problem => out.warn(problem)))
    boards.forEach((board, n) =>
        board.onLine(line => {
            lines++
            logs[n].add(line)
            if (!out.json) out.note(`${seats[n].id}: ${line}`)
        }),
    )
    await withProgress(out, `switching ${boards.length} boards on`, () => Promise.all(boards.map(board => board.powerOn())))
    return async () => {
        await Promise.all(boards.map(board => board.close()))
        await Promise.all(logs.map(log => log.close()))
        return { lines }
    }
}
