import type { Command } from "commander"
import { part } from "../api-client.ts"
import { CliError } from "../cli-error.ts"
import type { GroupDocument, GroupMember, RolloutDocument } from "../../cloud/operator-api/rollout-documents.ts"
import { plural, table } from "../output.ts"
import { action, type Session } from "../session.ts"
import { formatRollout } from "./rollouts.ts"
import { collect } from "../option-values.ts"

interface Content {
    readonly filter?: string
    readonly device?: string[]
}

export function addGroups(program: Command): void {
    const groups = program.command("groups").summary("groups of devices").description("Sets of devices: by a list, or by a filter over their attributes and what they run.")
    const content = (command: Command) =>
        command.option("--filter <expression>", `e.g. 'attr.site = "lab"'`).option("--device <id>", "a device of the list; several times for several", collect)
    content(groups.command("add <group>").description("add a group")).action(action(add))
    content(groups.command("set <group>").description("change what a group means")).action(action(set))
    groups.command("list").description("list the groups").action(action(list))
    groups.command("show <group>").description("show a group and its devices").action(action(show))
    groups.command("remove <group>").description("remove a group; its devices stay").action(action(remove))
    groups.command("update <group> <version>").description("update all of a group now, in one phase").action(action(update))
}

function contentOf({ filter, device }: Content): { filter?: string; devices?: string[] } {
    if ((filter === undefined) === (device === undefined)) throw new CliError("HOV_CLI_USAGE", "a group has either a --filter or a list of --device")
    return filter === undefined ? { devices: device } : { filter }
}

async function add(session: Session, options: Content, name: string): Promise<void> {
    const group = await session.api().call<GroupDocument>("POST", "/groups", { name, ...contentOf(options) })
    session.out.result({ ok: true, ...group }, `group ${name} is added`)
}

async function set(session: Session, options: Content, name: string): Promise<void> {
    const group = await session.api().call<GroupDocument>("PUT", `/groups/${part(name)}`, contentOf(options))
    session.out.result({ ok: true, ...group }, `group ${name} is changed`)
}

async function list(session: Session): Promise<void> {
    const groups = await session.api().list<GroupDocument>("/groups")
    session.out.result({ ok: true, groups }, () => table(groups.map(g => [g.name, g.filter ?? "(a list)"]), ["group", "filter"]) || "no groups yet")
}

async function show(session: Session, _: object, name: string): Promise<void> {
    const api = session.api()
    const group = await api.get<GroupDocument>(`/groups/${part(name)}`)
    const devices = (await api.list<GroupMember>(`/groups/${part(name)}/devices`)).map(({ id }) => id)
    session.out.result({ ok: true, ...group, devices }, () => [`group ${name}: ${group.filter ?? "a list"}, ${plural(devices.length, "device")}`, ...devices.map(d => `  ${d}`)].join("\n"))
}

async function remove(session: Session, _: object, name: string): Promise<void> {
    await session.api().call("DELETE", `/groups/${part(name)}`)
    session.out.result({ ok: true, name }, `group ${name} is removed`)
}

async function update(session: Session, _: object, name: string, version: string): Promise<void> {
    const { rollout } = await session.api().call<{ rollout: RolloutDocument }>("POST", `/groups/${part(name)}/update`, { version })
    session.out.result({ ok: true, rollout }, () => formatRollout(rollout))
}
