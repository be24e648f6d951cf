/** Shapes that several routes of the operator API share. Unknown fields are refused. */
import type { TObject, TProperties } from "@sinclair/typebox"
import { Type } from "@sinclair/typebox"
import { DEVICE_ID_PATTERN, OWN_ID_PATTERN, RELEASE_PATTERN } from "../ids.ts"
import { LIMITS } from "../limits.ts"
import { Problem } from "../problems.ts"

/** An object of a request: it has these fields and no others. */
export const strict = <T extends TProperties>(properties: T): TObject<T> =>
    Type.Object(properties, { additionalProperties: false })

export const DeviceId = Type.String({ pattern: DEVICE_ID_PATTERN })
export const ReleaseRef = Type.String({ pattern: RELEASE_PATTERN, description: "app@version, or the version alone" })
export const OwnId = Type.String({ pattern: OWN_ID_PATTERN })

export const Attributes = Type.Record(
    Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_.-]{0,31}$" }),
    Type.String({ maxLength: 128 }),
    { maxProperties: LIMITS.attributesPerDevice, additionalProperties: false, description: "What groups filter by" },
)

export const PageQuery = strict({
    limit: Type.Integer({ minimum: 1, maximum: LIMITS.pageSize, default: LIMITS.pageSizeDefault }),
    after: Type.Optional(Type.String({ maxLength: 200, description: "`next` of the page before" })),
})

/**
 * Where a list goes on whose places are numbers; null = from the newest on.
 * @throws Problem HOV_API_BAD_FIELD
 */
export function numberOf(after: string | undefined): number | null {
    if (after === undefined) return null
    if (!/^\d{1,15}$/.test(after)) throw new Problem("HOV_API_BAD_FIELD", "after is not the `next` of a page of this list")
    return Number(after)
}

export function iso(atMs: number | string): string
export function iso(atMs: number | string | null): string | null
export function iso(atMs: number | string | null): string | null {
    return atMs === null ? null : new Date(Number(atMs)).toISOString()
}

/** A page and the cursor for the one after it. */
export function page<T>(items: T[], limit: number, cursor: (last: T) => string): { items: T[]; next: string | null } {
    return { items, next: items.length < limit ? null : cursor(items[items.length - 1]) }
}
