/** A table: columns that know what to show of an item. On a phone each row is a card with the columns' names in it. */
import type { ComponentChildren } from "preact"

export interface Column<T> {
    readonly name: string
    readonly cell: (item: T) => ComponentChildren
    /**
     * `number`: to the right. `clip`: one line, cut where it is long. `names`: several links. `actions`: buttons, whose name
     * only a screen reader hears. Default: text.
     */
    readonly is?: "number" | "clip" | "names" | "actions"
}

interface Props<T> {
    /** What its rows are, for a screen reader. */
    readonly label: string
    readonly columns: readonly Column<T>[]
    readonly items: readonly T[]
    readonly keyOf: (item: T, index: number) => string | number
    /** Few narrow columns: it stays a table on a phone. */
    readonly narrow?: boolean
    /** Below the last row, scrolled with it. */
    readonly children?: ComponentChildren
}

const CLASSES = { number: "n", clip: "clip", names: "names", actions: "end" } as const

/** Roles are said again: a table whose rows are laid out as cards is none to some browsers. */
export function Table<T>({ label, columns, items, keyOf, narrow, children }: Props<T>) {
    return (
        <div class="scroll" tabIndex={0} role="region" aria-label={`${label}, scrollable`}>
            <table class={narrow ? "plain" : "plain cards"} role="table" aria-label={label}>
                <thead role="rowgroup">
                    <tr role="row">
                        {columns.map(({ name, is }) => (
                            <th key={name} role="columnheader" scope="col" class={is === "number" ? "n" : undefined}>
                                {is === "actions" ? <span class="hidden">{name}</span> : name}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody role="rowgroup">
                    {items.map((item, index) => (
                        <tr key={keyOf(item, index)} role="row">
                            {columns.map(({ name, is, cell }) => (
                                <td key={name} role="cell" class={is && CLASSES[is]} data-name={is === "actions" ? undefined : name}>
                                    {cell(item)}
                                </td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
            {children}
        </div>
    )
}
