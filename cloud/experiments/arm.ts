import { bucketLimit, bucketOf } from "../rollouts/bucket.ts"

export type Arm = "a" | "b"

/**
 * Which arm of an experiment a device is in: the same every time, and independent of where the
 * device stands in the queues of rollouts, in those of the experiment itself too.
 */
export const armOf = (seed: string, deviceId: string, splitPercent: number): Arm =>
    bucketOf(`${seed}\narms`, deviceId) < bucketLimit(splitPercent) ? "a" : "b"
