import { type Kind, type Scope, freshName, inside, capturable } from "./scope.ts"

export const fieldNames = ["a", "b", "c", "name", "length2"]
const strings = ['""', '"a"', '"x1"', '"7"', '"héé"', '"long string here"', '"name"', '"true"']
const numbers = ["0", "1", "2", "3", "-1", "-7", "15", "16", "111", "112", "255", "256", "-300", "65536", "2147483647", "-2147483648", "4294967295", "0.5", "-2.25", "1e9", "1e-3", "100000"]

/** Source text of a random expression of (about) this kind. */
export function expression(s: Scope, kind: Kind, depth: number): string {
    const r = s.random
    if (depth <= 0 || r.chance(20)) return leaf(s, kind)
    if (r.chance(6)) return `(${expression(s, "bool", depth - 1)} ? ${expression(s, kind, depth - 1)} : ${expression(s, kind, depth - 1)})`
    if (r.chance(9)) return call(s, depth)
    const e = (k: Kind) => expression(s, k, depth - 1)
    switch (kind) {
        case "num":
            return numeric(s, depth)
        case "str":
            return r.weighted<() => string>([
                [4, () => `(${e("str")} + ${e("any")})`],
                [1, () => `(${e("num")} + ${e("str")})`],
                [2, () => template(s, depth)],
                [1, () => `${paren(e("str"))}.slice(${smallNumber(s)}, ${smallNumber(s)})`],
                [1, () => `${paren(e("str"))}[${smallNumber(s)}]`],
                [1, () => `("" + ${e("any")})`],
                [1, () => `typeof ${paren(e("any"))}`],
                [1, () => `JSON.stringify(${e("obj")})`],
                [1, () => `${paren(e("arr"))}.join(${r.pick(['","', '""'])})`],
            ])()
        case "bool":
            return r.weighted<() => string>([
                [5, () => `(${e("num")} ${r.pick(["<", "<=", ">", ">="])} ${e("num")})`],
                [4, () => `(${any(s, depth)} ${r.pick(["===", "!=="])} ${any(s, depth)})`],
                [1, () => `(${any(s, depth)} ${r.pick(["==", "!="])} null)`],
                [2, () => `!${paren(e("any"))}`],
                [2, () => `(${e("bool")} ${r.pick(["&&", "||"])} ${e("bool")})`],
                [1, () => `!!${paren(e("any"))}`],
                [1, () => `isNaN(${e("num")})`],
                [1, () => `Array.isArray(${paren(e("any"))})`],
                [1, () => (s.classes.length ? `(${any(s, depth)} instanceof ${r.pick(s.classes).name})` : `(${any(s, depth)} instanceof Error)`)],
                [1, () => `(${paren(e("str"))} ${r.pick(["<", "<=", ">"])} ${e("str")})`],
            ])()
        case "arr":
            return r.weighted<() => string>([
                [4, () => `[${list(s, depth, r.int(5))}]`],
                [1, () => `[...${paren(e("arr"))}, ${e("any")}]`],
                [2, () => `${paren(e("arr"))}.map(${lambda(s, 1, depth)})`],
                [1, () => `${paren(e("arr"))}.filter(${lambda(s, 1, depth)})`],
                [1, () => `${paren(e("arr"))}.slice(${smallNumber(s)})`],
                [1, () => `${paren(e("arr"))}.concat(${e("arr")})`],
                [1, () => `Object.keys(${e("obj")})`],
            ])()
        case "obj":
            return r.weighted<() => string>([
                [4, () => object(s, depth)],
                [1, () => `({ ...(${e("obj")}), ${r.pick(fieldNames)}: ${e("any")} } as any)`],
                [2, () => instance(s, depth)],
                [1, () => `JSON.parse(JSON.stringify(${object(s, depth)}))`],
            ])()
        case "any":
            return any(s, depth)
    }
}

function paren(text: string): string {
    return `(${text} as any)`
}

function smallNumber(s: Scope): string {
    return s.random.chance(60) ? String(s.random.int(4)) : leaf(s, "num")
}

function numeric(s: Scope, depth: number): string {
    const r = s.random
    const e = (k: Kind) => expression(s, k, depth - 1)
    return r.weighted<() => string>([
        [10, () => `(${e("num")} ${r.pick(["+", "-", "*", "+", "-", "/"])} ${e("num")})`],
        [6, () => `(${e("num")} ${r.pick(["&", "|", "^", "<<", ">>", ">>>", "%"])} ${e("num")})`],
        [2, () => `${r.pick(["-", "~", "+"])}${paren(e("num"))}`],
        [1, () => `(${paren(e("any"))} ${r.pick(["-", "*", "&", "<<", ">>>", "/"])} ${paren(e("any"))})`],
        [1, () => `${paren(e("arr"))}.length`],
        [1, () => `${paren(e("str"))}.length`],
        [1, () => `Math.${r.pick(["abs", "floor", "round", "ceil", "sqrt"])}(${e("num")})`],
        [1, () => `Math.${r.pick(["min", "max", "pow", "imul", "idiv"])}(${e("num")}, ${e("num")})`],
        [1, () => `(${paren(e("num"))} ** 2)`],
        [1, () => `parseInt(${e("str")})`],
        [1, () => `${paren(e("arr"))}.reduce(${lambda(s, 2, depth)}, ${e("num")})`],
        [1, () => `${paren(e("arr"))}.indexOf(${e("any")})`],
        [2, () => increment(s)],
    ])()
}

function increment(s: Scope): string {
    const counters = s.variables.filter(v => v.kind === "num" && !v.isConst)
    if (!counters.length) return leaf(s, "num")
    const name = s.random.pick(counters).name
    return s.random.pick([`${name}++`, `++${name}`, `${name}--`, `--${name}`])
}

function any(s: Scope, depth: number): string {
    const r = s.random
    const e = (k: Kind) => expression(s, k, depth - 1)
    return paren(
        r.weighted<() => string>([
            [3, () => e("num")],
            [2, () => e("str")],
            [1, () => e("bool")],
            [1, () => e("arr")],
            [1, () => e("obj")],
            [2, () => `${paren(e("obj"))}.${r.pick(fieldNames)}`],
            [1, () => `${paren(e("obj"))}[${e("str")}]`],
            [2, () => `${paren(e("arr"))}[${smallNumber(s)}]`],
            [2, () => `${paren(e("any"))}?.${r.pick(fieldNames)}`],
            [1, () => `${paren(e("any"))}?.${r.pick(fieldNames)}?.(${list(s, depth, r.int(3))})`],
            [1, () => `(${paren(e("any"))} ?? ${e("any")})`],
            [1, () => `(${paren(e("any"))} ${r.pick(["&&", "||"])} ${e("any")})`],
            [1, () => `(${paren(e("any"))} + ${paren(e("any"))})`],
            [1, () => leaf(s, "any")],
        ])(),
    )
}

function template(s: Scope, depth: number): string {
    const parts = Array.from({ length: 1 + s.random.int(3) }, () => `${s.random.pick(["", "t", "k="])}\${${expression(s, "any", depth - 1)}}`)
    return `\`${parts.join(" ")}\``
}

function object(s: Scope, depth: number): string {
    const names = fieldNames.filter(() => s.random.chance(45))
    return `({ ${names.map(n => `${n}: ${expression(s, s.random.pick(["num", "str", "bool", "num", "any"] as const), depth - 1)}`).join(", ")} } as any)`
}

function instance(s: Scope, depth: number): string {
    const r = s.random
    if (!s.classes.length) return object(s, depth)
    const c = r.pick(s.classes)
    const args = r.chance(80) ? matching(s, depth, c.constructorKinds) : list(s, depth, r.int(4))
    if (r.chance(20)) {
        const other = r.pick(s.classes)
        return `new (${expression(s, "bool", depth - 1)} ? ${c.name} as any : ${other.name} as any)(${args})`
    }
    return `(new (${c.name} as any)(${args}) as any)`
}

export function list(s: Scope, depth: number, count: number): string {
    return Array.from({ length: count }, () => expression(s, s.random.pick(["num", "str", "any", "num", "bool"] as const), depth - 1)).join(", ")
}

/** Arguments of the kinds that a function expects. */
export function matching(s: Scope, depth: number, kinds: readonly Kind[]): string {
    return kinds.slice(0, 8).map(k => expression(s, k, depth - 1)).join(", ")
}

export function call(s: Scope, depth: number): string {
    const r = s.random
    return paren(
        r.weighted<() => string>([
            [6, () => functionCall(s, depth)],
            [3, () => (s.classes.length ? `${instance(s, depth)}.${r.pick(r.pick(s.classes).methods)}(${list(s, depth, r.int(4))})` : functionCall(s, depth))],
            [1, () => (s.hasThis && s.classes.length ? `(this as any).${r.pick(s.classes[0].methods)}(${list(s, depth, r.int(3))})` : functionCall(s, depth))],
            [2, () => `${paren(lambda(s, r.int(4), depth))}(${list(s, depth, r.int(4))})`],
            [r.chance(15) ? 1 : 0, () => `${paren(leaf(s, "any"))}(${list(s, depth, r.int(3))})`],
        ])(),
    )
}

function functionCall(s: Scope, depth: number): string {
    const r = s.random
    if (!s.functions.length) return leaf(s, "any")
    const f = r.pick(s.functions)
    if (r.chance(15)) return `${paren(f.name)}(...${paren(expression(s, "arr", depth - 1))})`
    return `${paren(f.name)}(${r.chance(85) ? matching(s, depth, f.kinds) : list(s, depth, r.int(9))})`
}

/** An arrow function that captures what is around it. */
export function lambda(s: Scope, parameters: number, depth: number): string {
    const own = Array.from({ length: parameters }, () => freshName(s, "q"))
    const inner = inside(s, {
        variables: [...capturable(s), ...own.map(name => ({ name, kind: s.random.pick(["num", "any"] as const), inLoop: false, isConst: false }))],
        loops: 0,
        canBreak: false,
        canContinue: false,
        functionDepth: s.functionDepth + 1,
        hasThis: false,
    })
    const body = expression(inner, s.random.pick(["num", "any", "str"] as const), Math.min(depth - 1, 2))
    return `((${own.map(n => `${n}?: any`).join(", ")}): any => ${body})`
}

function leaf(s: Scope, kind: Kind): string {
    const r = s.random
    const known = s.variables.filter(v => v.kind === kind || (kind === "any" && r.chance(60)))
    if (known.length && r.chance(75)) return r.pick(known).name
    if (s.hasThis && r.chance(15)) return `(this as any).${r.pick(fieldNames)}`
    switch (kind) {
        case "num":
            return r.pick(numbers).replace(/^-.*/, n => `(${n})`)
        case "str":
            return r.pick(strings)
        case "bool":
            return `(${r.pick(["true", "false"])} as boolean)`
        case "arr":
            return r.pick(["([] as any[])", "[1, 2, 3]", "[3, 1, 2]", '["b", "a"]', "[0, 5]"])
        case "obj":
            return r.pick(["({} as any)", "({ a: 1, b: 2 } as any)", '({ name: "n" } as any)'])
        case "any":
            return r.pick(["(null as any)", "(undefined as any)", "(NaN as any)", "(0 as any)", '("" as any)', "([] as any)", "(Infinity as any)", "(true as any)"])
    }
}
