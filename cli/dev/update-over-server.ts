import { type ApiClient, part } from "../api-client.ts"
import type { CommandDocument } from "../../cloud/operator-api/documents.ts"
import { waitForCommand } from "../wait-for-command.ts"
import type { DevOutcome, DevRelease } from "./target.ts"

const UPDATE_MS = 120_000

/** Publishes a release, tells one board to take it, and waits for the end of its trial; `onState` hears what the board says it is doing. */
export async function updateOverServer(api: ApiClient, app: string, device: string, { version, artifact, map }: DevRelease, onState: (state: string) => void): Promise<DevOutcome> {
    const release = part(`${app}@${version}`)
    await api.call("POST", "/releases", { app, version })
    await api.call("POST", `/releases/${release}/artifacts`, artifact)
    const answer = await api.call<{ command: CommandDocument | null }>("POST", `/devices/${part(device)}/update`, { version: `${app}@${version}` })
    // names for its diagnostics; the board need not wait for them
    await api.call("POST", `/releases/${release}/maps`, new TextEncoder().encode(JSON.stringify(map)))
    if (answer.command === null) return { phase: "confirmed", code: "", version }
    const { state, code } = await waitForCommand(api, device, answer.command.id, UPDATE_MS, (_, state) => onState(state))
    const phase = state === "succeeded" ? "confirmed" : state === "rolledBack" ? "rolledBack" : "failed"
    return { phase, code: code ?? "", version }
}
