/** What the command says of the server's documents. */
import type { DeviceSummary } from "../cloud/operator-api/documents.ts"

export const isFinalCommand = (state: string): boolean => !["queued", "delivered", "running", "cancelling"].includes(state)

/** "1.1.0, bank A, confirmed", or that nothing is known. */
export function actualText(actual: Pick<NonNullable<DeviceSummary["actual"]>, "version" | "bank" | "state"> | null): string {
    return actual === null ? "has not reported yet" : `${actual.version}, bank ${actual.bank}, ${actual.state}`
}
