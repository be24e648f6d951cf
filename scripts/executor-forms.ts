/**
 * The forms of fused operations that bases may have, and which of the sample programs each serves: at least two.
 *
 * `npm run forms -- [--write] [--json]`
 *
 * Without `--write` it prints how many programs of the benchmark and of the corpus use each form of the table. With it the
 * table is made anew: of all forms that could serve two programs those that do, with nothing else to take their place.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { forms } from "../toolchain/executor/forms.ts"
import { formsUsed, samples } from "./forms/programs.ts"

const { values } = parseArgs({ options: { write: { type: "boolean", default: false }, json: { type: "boolean", default: false } } })
const programsMin = 2
const programs = samples().map(({ name, link }) => ({ name, base: link() }))

/** Programs by the forms that they use. */
function users(uses: (base: (typeof programs)[number]["base"]) => ReadonlySet<string>): Map<string, string[]> {
    const found = new Map<string, string[]>()
    for (const { name, base } of programs) for (const form of uses(base)) found.set(form, [...(found.get(form) ?? []), name])
    return found
}

const served = (all: ReadonlyMap<string, readonly string[]>) => new Map([...all].filter(([, names]) => names.length >= programsMin))

let table: ReadonlyMap<string, readonly string[]>
if (values.write) {
    // whatever could be used in a program has been asked for there
    table = served(
        users(base => {
            const asked = new Set<string>()
            formsUsed(base, form => asked.add(form) !== undefined)
            return asked
        }),
    )
    for (let before = 0; before !== table.size; ) {
        before = table.size
        const known: ReadonlyMap<string, readonly string[]> = table
        table = served(users(base => formsUsed(base, form => known.has(form))))
    }
    writeTable(table)
} else table = users(base => formsUsed(base, form => form in forms))

const rows = [...table]
    .map(([form, names]) => ({ form, bench: names.filter(n => n.startsWith("bench/")).length, corpus: names.filter(n => n.startsWith("corpus/")).length }))
    .sort((x, y) => y.bench + y.corpus - x.bench - x.corpus)
const few = rows.filter(r => r.bench + r.corpus < programsMin)
if (values.json) console.log(JSON.stringify({ programs: programs.length, forms: rows.length, servingFewerThanTwo: few.length, rows }))
else {
    console.log("bench corpus  form")
    for (const r of rows) console.log(`${String(r.bench).padStart(5)} ${String(r.corpus).padStart(6)}  ${r.form}`)
    console.log(`${rows.length} forms in ${programs.length} programs; ${few.length} serve fewer than two`)
}
process.exit(few.length ? 1 : 0)

function writeTable(all: ReadonlyMap<string, readonly string[]>): void {
    const witnesses = fewestPrograms(all)
    const lines = [...all.keys()].sort().map(form => `    ${JSON.stringify(form)}: ${JSON.stringify(witnesses.get(form)).replace(",", ", ")},`)
    const text = [
        "/**",
        " * The forms that fused operations may have (see patterns.ts), each with two sample programs that it serves.",
        " * Written by scripts/executor-forms.ts, checked by test/executor-forms.test.ts.",
        " */",
        "export const forms: Readonly<Record<string, readonly [string, string]>> = {",
        ...lines,
        "}",
        "",
    ].join("\n")
    writeFileSync(join(import.meta.dirname, "../toolchain/executor/forms.ts"), text)
}

/** Two programs for each form, few in all: the test builds them. */
function fewestPrograms(all: ReadonlyMap<string, readonly string[]>): Map<string, [string, string]> {
    const chosen = new Set<string>()
    const missing = (form: string) => programsMin - all.get(form)!.filter(n => chosen.has(n)).length
    for (;;) {
        const gains = new Map<string, number>()
        for (const [form, names] of all) if (missing(form) > 0) for (const n of names) if (!chosen.has(n)) gains.set(n, (gains.get(n) ?? 0) + 1)
        const [best] = [...gains].sort((x, y) => y[1] - x[1])
        if (!best) break
        chosen.add(best[0])
    }
    return new Map([...all].map(([form, names]) => [form, names.filter(n => chosen.has(n)).slice(0, programsMin) as [string, string]]))
}
