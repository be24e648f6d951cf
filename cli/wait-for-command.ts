import { setTimeout as sleep } from "node:timers/promises"
import { type ApiClient, part } from "./api-client.ts"
import { CliError } from "./cli-error.ts"
import type { CommandDocument, DeviceDocument } from "../cloud/operator-api/documents.ts"
import { isFinalCommand } from "./device-documents.ts"
import { EXIT } from "./exit-codes.ts"

const LOOK_MS = 500

/**
 * Waits for the end of a command; `tell` hears how far it is, and what the board said that it is doing. The server's events say when to look, and twice a second
 * looking goes on without them.
 * @throws CliError `HOV_CLI_TIMEOUT`
 */
export async function waitForCommand(api: ApiClient, device: string, commandId: string, timeoutMs: number, tell: (text: string, boardState: string) => void): Promise<CommandDocument> {
    const endMs = performance.now() + timeoutMs
    for (;;) {
        const document = await api.get<DeviceDocument>(`/devices/${part(device)}`)
        const command = document.commands.find(c => c.id === commandId)
        if (command && isFinalCommand(command.state)) return command
        const state = document.actual?.state ?? "silent"
        tell(command ? `${command.state}; the board is ${state}${progressText(command)}` : state, state)
        if (performance.now() > endMs)
            throw new CliError("HOV_CLI_TIMEOUT", `command ${commandId} has not ended after ${timeoutMs / 1000} s; it goes on: see "handover updater status --device ${device}"`, EXIT.failed)
        await sleep(LOOK_MS)
    }
}

export function progressText(at: { readonly doneBytes: number | null; readonly ofBytes: number | null }): string {
    return at.ofBytes ? `, ${at.doneBytes ?? 0} of ${at.ofBytes} bytes` : ""
}
