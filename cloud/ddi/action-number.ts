import { createHash } from "node:crypto"
import type { CommandRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"

const COMMANDS_LOOKED_AT = 20

/**
 * DDI clients read an action's id as a 32-bit number (swupdate keeps it in an `int`), so
 * a command goes by 31 bits of its id's digest. It is only ever looked up among the last
 * commands of one device.
 */
export const actionNumber = (commandId: string): number =>
    (createHash("sha256").update(commandId).digest().readUInt32BE(0) & 0x7fffffff) || 1

export async function findAction(repos: Repos, deviceId: string, action: number): Promise<CommandRow | undefined> {
    const commands = await repos.commands.list(deviceId, COMMANDS_LOOKED_AT)
    return commands.find(command => actionNumber(command.id) === action)
}
