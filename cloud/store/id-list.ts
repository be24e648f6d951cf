const SIZES = [1, 8, 32, 128, 500]

/** The longest list that a query takes at once. */
export const IDS_PER_QUERY = 500

/**
 * Ids for `in (…)`, filled up with the last one to one of a few lengths, so that the
 * statement cache sees a few statements instead of one per length.
 */
export function padded(ids: readonly string[]): string[] {
    if (ids.length > IDS_PER_QUERY) throw new RangeError(`${ids.length} ids in one query, at most ${IDS_PER_QUERY}`)
    const size = SIZES.find(candidate => candidate >= ids.length) ?? IDS_PER_QUERY
    const list = ids.slice()
    const last = ids[ids.length - 1] ?? ""
    while (list.length < size) list.push(last)
    return list
}
