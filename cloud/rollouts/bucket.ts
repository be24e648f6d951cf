/**
 * Sticky buckets: where a device stands in a rollout's queue.
 *
 * A number 0 … 2³²−1 out of SHA-256(seed, device id): the same every time and on every
 * server, without anything stored. A share of p takes the buckets below p · 2³², so a
 * larger share contains the smaller one, and another seed is another, independent order.
 */
import { hash } from "node:crypto"

export const BUCKETS = 2 ** 32

export function bucketOf(seed: string, deviceId: string): number {
    return Number.parseInt(hash("sha256", `${seed}\n${deviceId}`, "hex").slice(0, 8), 16)
}

/** Buckets below the answer are in the share. */
export const bucketLimit = (percent: number): number => Math.round((Math.min(Math.max(percent, 0), 100) / 100) * BUCKETS)

/** The control group stands at the end of the queue. */
export const controlStart = (controlPercent: number): number => BUCKETS - bucketLimit(controlPercent)
