/**
 * What is not a device's: releases, blobs, groups, rollouts, people's tokens; and at
 * the very end webhooks.
 */
import type { BlobStore } from "../../store/blobs.ts"
import type { CommonRows } from "../../store/handover.ts"
import type { Store } from "../../store/store.ts"
import { exchange, PIECE_MS, type Peer } from "./exchange.ts"

/** Fetches rows and the blobs that are missing; each blob must have the digest that it was asked by. */
export async function takeCommon(peer: Peer, store: Store, blobs: BlobStore, { isLast, signal }: { isLast: boolean; signal: AbortSignal }): Promise<void> {
    const options = { timeoutMs: PIECE_MS, signal }
    const answer = JSON.parse((await exchange(peer, "GET", `/handover/v1/common?last=${isLast ? 1 : 0}`, options)).toString()) as CommonRows & { digests: string[] }
    for (const digest of answer.digests) {
        if ((await blobs.get(digest)) !== undefined) continue
        const got = await blobs.put(await exchange(peer, "GET", `/handover/v1/blobs/${digest}`, options))
        if (got !== digest) throw new Error(`HOV_HANDOVER_DIGEST: blob ${digest} arrived as ${got}`)
    }
    await store.write(repos => repos.handover.putCommonRows(answer))
}
