/** A device's cold update: the newest command that brings a whole base, and what is in it. */
import type { ColdImage } from "../../toolchain/format/cold-image.ts"
import { parseColdImage } from "../../toolchain/format/cold-image.ts"
import type { BlobStore } from "../store/blobs.ts"
import type { CommandRow } from "../store/schema.ts"
import type { Store } from "../store/store.ts"

export interface ColdCommand {
    readonly command: CommandRow
    readonly image: ColdImage
}

/** How many commands back it is looked for: checks may have come in between. */
const COMMANDS_BACK = 20

export async function coldCommand(store: Store, blobs: BlobStore, deviceId: string): Promise<ColdCommand | undefined> {
    for (const command of await store.read.commands.list(deviceId, COMMANDS_BACK)) {
        if (command.kind !== "update" || command.releaseId === null || command.baseId === null) continue
        const artifact = await store.read.releases.artifact(command.releaseId, command.baseId)
        if (artifact?.cold !== 1) continue
        const bytes = await blobs.get(artifact.imageDigest)
        return bytes === undefined ? undefined : { command, image: parseColdImage(bytes) }
    }
    return undefined
}
