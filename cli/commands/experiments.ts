import { Argument, type Command, InvalidArgumentError } from "commander"
import { part } from "../api-client.ts"
import type { ArmDocument, ExperimentDocument, ExperimentSummary } from "../../cloud/operator-api/rollout-documents.ts"
import { table } from "../output.ts"
import { action, type Session } from "../session.ts"

interface StartOptions {
    readonly name?: string
    readonly split?: number
    readonly group?: string
    readonly filter?: string
    readonly channel?: string
    readonly seed?: string
}

export function addExperiments(program: Command): void {
    const experiments = program.command("experiments").summary("two releases side by side").description("Starts, shows and ends experiments: release a to some devices, release b to the others.")
    experiments
        .command("start <a> <b>")
        .description("start an experiment with two releases")
        .option("--name <text>", "what people call it")
        .option("--split <percent>", "share of the devices that get a (default: 50)", share)
        .option("--group <name>", "with this group")
        .option("--filter <expression>", "with the devices that this is true of")
        .option("--channel <name>", "with the devices on this channel")
        .option("--seed <text>", "same seed, same arms (default: one of its own)")
        .action(action(start))
    experiments.command("list").description("list the experiments, newest first").action(action(list))
    experiments.command("show <id>").description("show both arms, their outcomes, and whether they differ by more than chance").action(action(show))
    experiments
        .command("end <id>")
        .addArgument(new Argument("[winner]", "its release goes to all devices that were meant").choices(["a", "b"]))
        .description("end an experiment")
        .action(action(end))
}

function share(text: string): number {
    const percent = Number(text)
    if (!(percent > 0 && percent < 100)) throw new InvalidArgumentError("a share is more than 0 and less than 100")
    return percent
}

async function start(session: Session, { split, ...options }: StartOptions, a: string, b: string): Promise<void> {
    const { name, group, filter, channel, seed } = options
    const experiment = await session.api().call<ExperimentDocument>("POST", "/experiments", { a, b, name, group, filter, channel, seed, splitPercent: split })
    session.out.result({ ok: true, experiment }, () => format(experiment))
}

async function list(session: Session): Promise<void> {
    const experiments = await session.api().list<ExperimentSummary>("/experiments")
    session.out.result({ ok: true, experiments }, () =>
        experiments.length
            ? table(experiments.map(x => [x.id, x.name, x.state, `${x.splitPercent} %`, x.winner ?? "-", x.createdAt]), ["id", "name", "state", "share of a", "winner", "created"])
            : "no experiments yet",
    )
}

async function show(session: Session, _: object, id: string): Promise<void> {
    const experiment = await session.api().get<ExperimentDocument>(`/experiments/${part(id)}`)
    session.out.result({ ok: true, experiment }, () => format(experiment))
}

async function end(session: Session, _: object, id: string, winner?: string): Promise<void> {
    const experiment = await session.api().call<ExperimentDocument>("POST", `/experiments/${part(id)}/end`, winner === undefined ? {} : { winner })
    session.out.result({ ok: true, experiment }, () => format(experiment))
}

const percent = (value: number | null): string => (value === null ? "-" : `${(value * 100).toFixed(1)} %`)

function format({ id, name, state, winner, a, b, comparison }: ExperimentDocument): string {
    const row = (arm: string, { rollout, ...figures }: ArmDocument) => [
        arm,
        rollout.release,
        figures.devices,
        figures.finished,
        figures.succeeded,
        figures.failed + figures.rolledBack,
        percent(figures.failureRate),
        figures.failureRate === null ? "-" : `${percent(figures.failureRateLow)} to ${percent(figures.failureRateHigh)}`,
        figures.medianMs === null ? "-" : `${(figures.medianMs / 1000).toFixed(1)} s`,
    ]
    return [
        `experiment ${id}${name === id ? "" : ` (${name})`}: ${state}${winner === null ? "" : `, ${winner} has won`}; ${comparison.verdict}`,
        table([row("a", a), row("b", b)], ["arm", "release", "devices", "finished", "succeeded", "bad", "failure rate", "95 % of it", "median"]),
    ].join("\n")
}
