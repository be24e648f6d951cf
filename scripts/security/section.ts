/** A part of the summary: whether it holds, and what was counted or measured. */
export interface Section {
    readonly ok: boolean
    readonly figures: Readonly<Record<string, unknown>>
}
