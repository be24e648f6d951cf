import type { CompiledProgram } from "../program/compiled-program.ts"
import { fieldStores, type MigrationPlan } from "./class-layout.ts"
import { type DeclaredMigration, fieldsRead } from "./declared-migrations.ts"
import type { Match } from "./match.ts"

/** State that the base's code has no place for: what the program keeps there since the update is gone for it on the way back. */
export interface LostState {
    /** `Point.z`, or a variable's name */
    readonly name: string
    readonly why: string
}

export function lostOnTheWayBack(
    base: CompiledProgram,
    next: CompiledProgram,
    match: Match,
    rules: readonly MigrationPlan[],
    migrations: readonly DeclaredMigration[],
): LostState[] {
    const lost: LostState[] = []
    for (const r of rules) for (const field of r.fields) lost.push({ name: `${r.className}.${field}`, why: "a field that the base does not have" })
    for (const m of migrations) {
        const baseIndex = match.functions.get(m.constructorIndex)
        const before = new Set(baseIndex === undefined ? [] : fieldStores(base, base.functions[baseIndex]).map(s => s.field))
        const added = new Set([...m.written, ...fieldStores(next, next.functions[m.constructorIndex]).map(s => s.field)])
        // another step's way back may be the one that reads it
        const ofClass = migrations.filter(x => x.constructorIndex === m.constructorIndex)
        const read = new Set(ofClass.flatMap(x => (x.down === undefined ? [] : fieldsRead(next, next.functions[x.down]))))
        for (const field of added)
            if (!before.has(field) && !read.has(field))
                lost.push({ name: `${m.className}.${field}`, why: m.hasDown ? "`down` does not read it" : `migration to ${m.to} has no \`down\`` })
        if (!m.hasDown)
            for (const field of m.deleted) if (before.has(field)) lost.push({ name: `${m.className}.${field}`, why: `\`up\` deletes it, and nothing brings it back` })
    }
    next.debug.globals.forEach((g, i) => {
        if (!match.globals.has(i) && isOfApp(next, i)) lost.push({ name: g.name, why: "a variable that the base does not have" })
    })
    return lost.filter((l, i) => lost.findIndex(x => x.name === l.name) === i)
}

/** Variables that the application's code sets; a constant is no state. */
function isOfApp(program: CompiledProgram, global: number): boolean {
    return program.functions.some(f => f.owner === "app" && f.statements.some(s => s.op.name === "STORE_GLOBAL" && s.immediate === global))
}
