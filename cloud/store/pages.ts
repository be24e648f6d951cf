import { turn } from "../turn.ts"

/**
 * All rows in the order of their keys, page by page: a fleet of any size takes the memory of one page, and requests are answered
 * between two.
 *
 * @param page the rows after a key, at most as many as a page has; null = from the start
 */
export async function* pagesOf<Row>(page: (after: string | null) => Promise<Row[]>, keyOf: (row: Row) => string): AsyncGenerator<Row[]> {
    for (let rows = await page(null); rows.length > 0; rows = await page(keyOf(rows[rows.length - 1]))) {
        yield rows
        await turn()
    }
}

/** Keys of rows that are named by their id, or are nothing but a name. */
export const idOf = ({ id }: { readonly id: string }): string => id
export const itself = (name: string): string => name
