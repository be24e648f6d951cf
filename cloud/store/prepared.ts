/**
 * Statements of the busiest paths are built once: building one costs several times what
 * an embedded database takes to run it.
 */
import type { Compilable, Kysely } from "kysely"
import { CompiledQuery } from "kysely"

interface Text {
    readonly sql: string
    /** Values that are the statement's own, or which of the caller's goes there. */
    readonly parameters: readonly ({ readonly value: unknown } | { readonly at: number })[]
}

/** By dialect, then by name and number of values. */
const texts = new Map<unknown, Map<string, Text>>()
const PLACE = /^\u0000place (\d+)$/

/** Rows of the statement that `build` makes of the values; a name stands for one statement. */
export async function prepared<R>(db: Kysely<any>, name: string, values: readonly unknown[], build: (...values: any[]) => Compilable<R>): Promise<R[]> {
    const dialect = db.getExecutor().adapter.constructor
    let known = texts.get(dialect)
    if (known === undefined) texts.set(dialect, (known = new Map()))
    const key = `${name} ${values.length}`
    let text = known.get(key)
    if (text === undefined) known.set(key, (text = textOf(values.length, build)))
    const parameters = text.parameters.map(parameter => ("at" in parameter ? values[parameter.at] : parameter.value))
    return (await db.executeQuery<R>(CompiledQuery.raw(text.sql, parameters))).rows
}

function textOf(count: number, build: (...values: any[]) => Compilable<unknown>): Text {
    const { sql, parameters } = build(...Array.from({ length: count }, (_, n) => `\u0000place ${n}`)).compile()
    return {
        sql,
        parameters: parameters.map(value => {
            const place = typeof value === "string" ? PLACE.exec(value) : null
            return place === null ? { value } : { at: Number(place[1]) }
        }),
    }
}
