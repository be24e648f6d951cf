/** Who a group, a filter, or both together mean. */
import type { GroupRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { FilterFields, Predicate } from "./filter.ts"
import { parseFilter } from "./filter.ts"

export interface Target {
    readonly group: GroupRow | null
    readonly filter: string | null
}

export interface MemberPage {
    readonly devices: FilterFields[]
    /** Where the next page starts; null after the last one. */
    readonly next: string | null
}

/** One page of candidates with the ones that are meant; pages may be empty before the last. */
export async function membersPage(repos: Repos, target: Target, after: string | null, limit: number): Promise<MemberPage> {
    const tests: Predicate[] = [target.group?.filter ?? null, target.filter]
        .filter(filter => filter !== null)
        .map(parseFilter)
    const list = target.group !== null && target.group.filter === null ? target.group.id : null
    const candidates = await repos.groups.candidates(list, after, limit)
    const next = candidates.length < limit ? null : candidates[candidates.length - 1].id
    return { devices: candidates.filter(device => tests.every(test => test(device))), next }
}
