/**
 * Fused operations that programs use most, the most used first: what a base has room for besides those that its own code
 * uses. Counted over the sample programs by scripts/rank-operations.ts.
 */
export const usualOperations: readonly string[] = []
