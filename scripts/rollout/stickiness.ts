/** Where a million devices stand in rollouts' queues. */
import { bucketLimit, bucketOf } from "../../cloud/rollouts/bucket.ts"

export interface Stickiness {
    readonly ids: number
    readonly percent5: number
    /** Devices that are in at some percentage and out at a larger one; all steps of half a percent. */
    readonly left: number
    /** Devices whose bucket was another one when asked again. */
    readonly changed: number
    /** Share of the first rollout's 10 percent that is in the second's too; 10 when they are independent. */
    readonly overlapPercent: number
    /** Of the two orders of devices; 0 when they are independent. */
    readonly correlation: number
}

export function measureStickiness(ids: number, seed: string): Stickiness {
    const bucketsOf = (rollout: string): Float64Array => Float64Array.from({ length: ids }, (_, n) => bucketOf(`${seed}-${rollout}`, `board-${n}`))
    const first = bucketsOf("a")
    const second = bucketsOf("b")
    const below = (percent: number): number => first.reduce((count, bucket) => count + Number(bucket < bucketLimit(percent)), 0)
    let left = 0
    for (let percent = 0; percent < 100; percent += 0.5) {
        const [small, large] = [bucketLimit(percent), bucketLimit(percent + 0.5)]
        for (const bucket of first) if (bucket < small && bucket >= large) left++
    }
    const again = bucketsOf("a")
    const limit = bucketLimit(10)
    let both = 0
    for (let n = 0; n < ids; n++) if (first[n] < limit && second[n] < limit) both++
    return {
        ids,
        percent5: (below(5) / ids) * 100,
        left,
        changed: again.reduce((count, bucket, n) => count + Number(bucket !== first[n]), 0),
        overlapPercent: (both / below(10)) * 100,
        correlation: correlation(first, second),
    }
}

function correlation(a: Float64Array, b: Float64Array): number {
    const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length
    const [meanA, meanB] = [mean(a), mean(b)]
    let covariance = 0
    let varianceA = 0
    let varianceB = 0
    for (let n = 0; n < a.length; n++) {
        covariance += (a[n] - meanA) * (b[n] - meanB)
        varianceA += (a[n] - meanA) ** 2
        varianceB += (b[n] - meanB) ** 2
    }
    return covariance / Math.sqrt(varianceA * varianceB)
}
