import { expression, fieldNames, list, matching } from "./expressions.ts"
import { Random } from "./random.ts"
import type { Callable, ClassInfo, Kind, Scope, Variable } from "./scope.ts"
import { block } from "./statements.ts"
import { fiberTests } from "./fibers.ts"

/**
 * One random program as the source of a DeviceScript module that exports `run`. Functions call only those before them,
 * loops have small bounds and calls are counted: every program ends.
 */
export function randomProgram(seed: number): string {
    const random = new Random(seed)
    const names = { next: 0 }
    const globals: Variable[] = [
        { name: "g0", kind: "num", inLoop: false, isConst: false },
        { name: "g1", kind: "str", inLoop: false, isConst: false },
        { name: "g2", kind: "obj", inLoop: false, isConst: false },
        { name: "log", kind: "arr", inLoop: false, isConst: true },
    ]
    const scope: Scope = {
        random, names, variables: globals, functions: [], classes: [], hasThis: false,
        loops: 0, canBreak: false, canContinue: false, functionDepth: 0,
    }
    const lines = [
        'import * as ds from "@devicescript/core"',
        'import { fmt, fuel, lim, safe, test } from "./harness"',
        `let g0: any = ${random.int(100)}`,
        `let g1: any = "g"`,
        `let g2: any = { a: ${random.int(9)}, name: "go" }`,
        "let log: any[] = []",
    ]
    const functions: Callable[] = []
    const classes: ClassInfo[] = []
    const cases: string[] = []
    const count = 2 + random.int(4)
    for (let i = 0; i < count; i++) {
        const known: Scope = { ...scope, functions: [...functions], classes: [...classes] }
        if (random.chance(30) && classes.length < 3) lines.push(...randomClass(known, classes))
        const f = randomFunction({ ...known, classes: [...classes] }, i)
        lines.push(...f.lines)
        functions.push(f)
        const bare: Scope = { ...known, variables: [] }
        const argumentsOf = () => (random.chance(90) ? matching(bare, 2, f.kinds) : list(bare, 2, random.int(4)))
        for (let k = 0; k < 2; k++) cases.push(`await test("${f.name}.${k}", () => (${f.name} as any)(${argumentsOf()}))`)
    }
    const fibers = random.chance(40) ? fiberTests({ ...scope, functions, classes }) : { lines: [], cases: [] }
    lines.push(...fibers.lines, "export async function run() {", ...cases, ...fibers.cases)
    lines.push('await test("end", () => [g0, g1, g2, log])', "}")
    return `${lines.join("\n")}\n`
}

interface RandomFunction extends Callable {
    readonly lines: string[]
}

const parameterKinds: readonly Kind[] = ["num", "num", "str", "any", "arr", "obj"]

interface Parameters {
    readonly text: string
    readonly variables: Variable[]
    readonly kinds: Kind[]
    readonly isRest: boolean
}

/** @param isTyped a caller is checked against the declaration: every parameter may be left out */
function parameters(s: Scope, most: number, isTyped: boolean): Parameters {
    const r = s.random
    const count = r.int(most + 1)
    const variables: Variable[] = []
    const texts: string[] = []
    const kinds: Kind[] = []
    let isRest = false
    for (let i = 0; i < count; i++) {
        const name = `p${s.names.next++}`
        const kind = r.pick(parameterKinds)
        variables.push({ name, kind, inLoop: false, isConst: false })
        kinds.push(kind)
        if (i === count - 1 && r.chance(15)) {
            isRest = true
            variables[variables.length - 1] = { name, kind: "arr", inLoop: false, isConst: false }
            texts.push(`...${name}: any`)
        } else if (r.chance(15)) texts.push(`${name}: any = ${expression({ ...s, variables: [], functions: [] }, kind, 1)}`)
        else if (!isTyped && r.chance(8)) {
            variables.pop()
            kinds[i] = "obj"
            const [x, y] = [`${name}x`, `${name}y`]
            texts.push(`{ a: ${x}, b: ${y} }: any`)
            for (const n of [x, y]) variables.push({ name: n, kind: "any", inLoop: false, isConst: false })
        } else texts.push(isTyped ? `${name}?: any` : `${name}: any`)
    }
    return { text: texts.join(", "), variables, kinds, isRest }
}

function randomFunction(s: Scope, index: number): RandomFunction {
    const r = s.random
    const p = parameters(s, r.chance(15) ? 8 : 4, false)
    const inner = { ...s, variables: [...s.variables, ...p.variables], functionDepth: 1 }
    const body = block(inner, 2 + r.int(r.chance(20) ? 10 : 5), r.chance(40) ? 3 : 2)
    const name = `fun${index}`
    const recursion = r.chance(20) && p.kinds.length > 0 && p.variables[0].kind === "num" ? [`if (${p.variables[0].name} > 0 && ${p.variables[0].name} < 8) log.push((${name} as any)(${p.variables[0].name} - 1))`] : []
    const result = r.chance(60) ? [`return ${expression(inner, r.pick(["num", "str", "any", "arr", "obj"] as const), 2)}`] : []
    return {
        name,
        kinds: p.kinds,
        isRest: p.isRest,
        lines: [`function ${name}(${p.text}): any {`, "fuel()", "log = lim(log)", ...recursion, ...body, ...result, "}"],
    }
}

function randomClass(s: Scope, classes: ClassInfo[]): string[] {
    const r = s.random
    const name = `C${classes.length}`
    const parent = classes.length && r.chance(60) ? r.pick(classes) : undefined
    const methods = parent ? [...parent.methods] : []
    const fields = fieldNames.filter(() => r.chance(40))
    const lines = [`class ${name}${parent ? ` extends ${parent.name}` : ""} {`]
    // a field of the parent may not be declared again with another kind: none is declared in a subclass
    if (!parent) lines.push(...fieldNames.map(f => `${f}: any${fields.includes(f) ? ` = ${expression({ ...s, variables: [], functions: [] }, r.pick(["num", "str", "any"] as const), 1)}` : ""}`))
    const p = parameters(s, 3, true)
    const inner = { ...s, variables: [...s.variables, ...p.variables], functionDepth: 1, hasThis: true, classes: classes.slice() }
    lines.push(`constructor(${p.text}) {`)
    if (parent) lines.push(`super(${matching({ ...inner, hasThis: false }, 1, parent.constructorKinds.slice(0, r.chance(70) ? 9 : r.int(3)))})`)
    // a constructor returns no value
    lines.push("fuel()", ...block(inner, 1 + r.int(3), 1).map(l => l.replace(/^(\s*return)\b.*/, "$1")), "}")
    const own = ["m0", "m1", "m2", "m3"].filter(() => r.chance(50))
    if (!parent && !own.length) own.push("m0")
    for (const m of own) {
        const mp = parameters(s, 3, true)
        // arrow functions have no `this` in DeviceScript
        const self: Variable = { name: "self", kind: "obj", inLoop: false, isConst: true }
        const body = { ...inner, variables: [...s.variables, ...mp.variables, self] }
        lines.push(`${methods.includes(m) ? "override " : ""}${m}(${mp.text}): any {`, "fuel()", "const self: any = this", ...block(body, 1 + r.int(4), 2), `return ${expression(body, "any", 2)}`, "}")
        if (!methods.includes(m)) methods.push(m)
    }
    lines.push("}")
    classes.push({ name, methods, constructorKinds: p.kinds })
    return lines
}
