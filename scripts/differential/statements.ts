import { call, expression, fieldNames, lambda, list } from "./expressions.ts"
import { capturable, freshName, inside, type Kind, type Scope, type Variable } from "./scope.ts"

const kinds: readonly Kind[] = ["num", "num", "num", "str", "bool", "any", "arr", "obj"]

/** A block's statements, as lines of source. Each sees the variables that those before it declared. */
export function block(s: Scope, count: number, depth: number): string[] {
    const lines: string[] = []
    let scope = s
    for (let i = 0; i < count; i++) {
        const [text, declared] = statement(scope, depth)
        // a line that begins with a bracket would go on with the one before
        lines.push(...text.map(line => (/^[([]/.test(line) ? `;${line}` : line)))
        if (declared.length) scope = inside(scope, { variables: [...scope.variables, ...declared] })
        if (/^(break|continue|return|throw)\b/.test(text[text.length - 1])) break
    }
    return lines
}

type Result = [lines: string[], declared: Variable[]]

function statement(s: Scope, depth: number): Result {
    const r = s.random
    const simple: [number, () => Result][] = [
        [8, () => declare(s, depth)],
        [10, () => [assign(s), []]],
        [3, () => [[call(s, 2)], []]],
        [4, () => [change(s), []]],
        [2, () => [[`log.push(${expression(s, "any", 2)})`], []]],
        [1, () => [["fuel()"], []]],
        [2, () => destructure(s)],
        [2, () => innerFunction(s, depth)],
    ]
    const nested: [number, () => Result][] = [
        [6, () => [branch(s, depth), []]],
        [s.loops < 2 ? 6 : 0, () => [loop(s, depth), []]],
        [5, () => [tryBlock(s, depth), []]],
        [2, () => [switchBlock(s, depth), []]],
    ]
    const leaving: [number, () => Result][] = [
        [1, () => [[`return ${expression(s, r.pick(kinds), 2)}`], []]],
        [1, () => [[`throw ${r.pick([() => `new Error(${expression(s, "str", 1)})`, () => `new RangeError("r")`, () => expression(s, "any", 1)])()}`], []]],
        [s.canBreak ? 3 : 0, () => [["break"], []]],
        [s.canContinue ? 3 : 0, () => [["continue"], []]],
    ]
    if (r.chance(7)) return r.weighted(leaving)()
    if (depth > 0 && r.chance(32)) return r.weighted(nested)()
    return r.weighted(simple)()
}

function declare(s: Scope, depth: number): Result {
    const kind = s.random.pick(kinds)
    const isConst = s.random.chance(25)
    const name = freshName(s, "v")
    return [[`${isConst ? "const" : "let"} ${name}: any = ${expression(s, kind, Math.min(3, depth + 1))}`], [{ name, kind, inLoop: s.loops > 0, isConst }]]
}

function assign(s: Scope): string[] {
    const r = s.random
    const targets = s.variables.filter(v => !v.isConst)
    if (!targets.length) return ["g0 = g0 + 1"]
    const v = r.pick(targets)
    const bounded = (text: string) => (s.loops > 0 || r.chance(30) ? [text, `${v.name} = lim(${v.name})`] : [text])
    if (v.kind === "num" && r.chance(55))
        return bounded(
            r.weighted<() => string>([
                [4, () => `${v.name} ${r.pick(["+=", "-=", "*=", "/=", "&=", "|=", "^=", "<<=", ">>=", ">>>="])} ${expression(s, "num", 2)}`],
                [2, () => `${v.name}${r.pick(["++", "--"])}`],
                [2, () => `${v.name} = ${v.name} ${r.pick(["+", "-", "*"])} ${expression(s, "num", 1)}`],
            ])(),
        )
    if (v.kind === "str" && r.chance(40)) return bounded(`${v.name} += ${expression(s, "any", 2)}`)
    return bounded(`${v.name} = ${expression(s, v.kind, 3)}`)
}

/** Stores into objects and arrays. */
function change(s: Scope): string[] {
    const r = s.random
    const objects = s.variables.filter(v => v.kind === "obj")
    const arrays = s.variables.filter(v => v.kind === "arr")
    const value = () => `lim(${expression(s, r.pick(["num", "str", "bool"] as const), 2)})`
    if (s.hasThis && r.chance(40)) return [`(this as any).${r.pick(fieldNames)} ${r.pick(["=", "=", "+="])} ${value()}`]
    if (objects.length && r.chance(50)) {
        const o = r.pick(objects).name
        return r.weighted<() => string[]>([
            [4, () => [`${o}.${r.pick(fieldNames)} = ${value()}`]],
            [2, () => [`${o}.${r.pick(fieldNames)} += ${expression(s, "num", 1)}`]],
            [1, () => [`${o}[${expression(s, "str", 1)}] = ${value()}`]],
            [1, () => [`${o}.${r.pick(fieldNames)}++`]],
            [1, () => [`delete ${o}.${r.pick(fieldNames)}`]],
        ])()
    }
    if (!arrays.length) return [`log.push(${value()})`]
    const a = r.pick(arrays).name
    return r.weighted<() => string[]>([
        [3, () => [`${a}[${r.int(4)}] = ${value()}`]],
        [2, () => [`${a}.push(${value()})`]],
        [1, () => [`${a}.pop()`]],
        [1, () => [`${a}[${a}.length - 1] = ${expression(s, "num", 2)}`]],
        [1, () => [`${a}.sort(${lambda(s, 2, 2)})`]],
        [1, () => [`${a}.forEach(${lambda(s, 2, 2)})`]],
    ])()
}

function destructure(s: Scope): Result {
    const r = s.random
    const x = freshName(s, "d")
    const y = freshName(s, "d")
    const declared = (kind: Kind) => [x, y].map(name => ({ name, kind, inLoop: s.loops > 0, isConst: true }))
    if (r.chance(50)) return [[`const [${x}, ${y}]: any = ${expression(s, "arr", 2)}`], declared("any")]
    const [f, g] = r.chance(50) ? ["a", "b"] : ["name", "c"]
    return [[`const { ${f}: ${x}, ${g}: ${y} } = ${expression(s, "obj", 2)} as any`], declared("any")]
}

function innerFunction(s: Scope, depth: number): Result {
    const name = freshName(s, "f")
    const own = Array.from({ length: s.random.int(4) }, () => freshName(s, "q"))
    if (s.functionDepth > 2 || s.loops > 0) return declare(s, depth)
    const inner = inside(s, {
        variables: [...capturable(s), ...own.map(n => ({ name: n, kind: s.random.pick(["num", "any", "str"] as const), inLoop: false, isConst: false }))],
        loops: 0,
        canBreak: false,
        canContinue: false,
        functionDepth: s.functionDepth + 1,
        hasThis: false,
    })
    const body = block(inner, 1 + s.random.int(4), depth - 1)
    const text = [`const ${name}: any = (${own.map(n => `${n}?: any`).join(", ")}): any => {`, "fuel()", ...body, `return ${expression(inner, "any", 1)}`, "}"]
    const uses = s.random.chance(70) ? [`log.push(${name}(${list(s, 2, own.length)}))`] : []
    return [[...text, ...uses], [{ name, kind: "any", inLoop: s.loops > 0, isConst: true }]]
}

function branch(s: Scope, depth: number): string[] {
    const r = s.random
    const head = `if (${expression(s, r.chance(75) ? "bool" : "any", 2)}) {`
    const body = block(s, 1 + r.int(3), depth - 1)
    if (r.chance(55)) return [head, ...body, "}"]
    return [head, ...body, "} else {", ...block(s, 1 + r.int(3), depth - 1), "}"]
}

function loop(s: Scope, depth: number): string[] {
    const r = s.random
    const n = 1 + r.int(s.loops ? 3 : 5)
    const name = freshName(s, "i")
    const own = (kind: Kind, isConst: boolean): Variable => ({ name, kind, inLoop: true, isConst })
    const body = (extra: Variable[]) =>
        block(inside(s, { variables: [...s.variables, ...extra], loops: s.loops + 1, canBreak: true, canContinue: true }), 1 + r.int(4), depth - 1)
    return r.weighted<() => string[]>([
        [5, () => [`for (let ${name} = 0; ${name} < ${n}; ${r.pick([`${name}++`, `++${name}`, `${name} += 1`])}) {`, ...body([own("num", true)]), "}"]],
        [1, () => [`for (let ${name} = ${n}; ${name} > 0; ${name}--) {`, ...body([own("num", true)]), "}"]],
        [2, () => [`let ${name} = 0`, `while (${name} < ${n} && ${expression(s, "bool", 1)}) {`, `${name}++`, ...body([own("num", true)]), "}"]],
        [1, () => [`let ${name} = 0`, "while (true) {", `if (++${name} > ${n}) break`, ...body([own("num", true)]), "}"]],
        [3, () => [`for (const ${name} of lim(${expression(s, "arr", 2)})) {`, ...body([own("any", true)]), "}"]],
        [1, () => [`for (const ${name} in ${expression(s, "obj", 2)}) {`, ...body([own("str", true)]), "}"]],
    ])()
}

function tryBlock(s: Scope, depth: number): string[] {
    const r = s.random
    const e = freshName(s, "e")
    const inner = () => block(s, 1 + r.int(3), depth - 1)
    const risky = () => (r.chance(40) ? [`if (${expression(s, "bool", 1)}) throw ${r.pick(['new Error("t")', '"str"', "42", 'new TypeError("tt")'])}`] : [])
    const caught = inside(s, { variables: [...s.variables, { name: e, kind: "any", inLoop: s.loops > 0, isConst: true }] })
    const handler = () => [`} catch (${e}: any) {`, `log.push(fmt(${e}))`, ...block(caught, r.int(3), depth - 1)]
    const final = () => ["} finally {", `log.push("f${r.int(10)}")`, ...block(s, r.int(3), depth - 1)]
    const form = r.int(3)
    return ["try {", ...inner(), ...risky(), ...(form !== 1 ? handler() : []), ...(form !== 0 ? final() : []), "}"]
}

function switchBlock(s: Scope, depth: number): string[] {
    const r = s.random
    const lines = [`switch (${expression(s, "any", 2)} as any) {`]
    const cases = 1 + r.int(4)
    const labels = ["0", "1", "2", "3", '"a"', "null", "undefined", "true"]
    for (let i = 0; i < cases; i++) {
        lines.push(`case ${r.pick(labels)}:`)
        // the compiler's configuration has cases fall through only when they are empty
        if (r.chance(20)) continue
        lines.push(...bracketed(block(inside(s, { canBreak: true }), 1 + r.int(2), depth - 1)))
    }
    if (lines[lines.length - 1].startsWith("case")) lines.push(...bracketed([]))
    if (r.chance(60)) lines.push("default:", ...bracketed(block(inside(s, { canBreak: true }), 1 + r.int(2), depth - 1)))
    lines.push("}")
    return lines
}

function bracketed(body: string[]): string[] {
    const leaves = /^(break|continue|return|throw)\b/.test(body[body.length - 1] ?? "")
    return ["{", ...body, ...(leaves ? [] : ["break"]), "}"]
}
