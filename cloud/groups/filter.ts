/**
 * Filters over what is known of a device:
 *
 * ```
 *   filter  = and { "or" and }
 *   and     = not { "and" not }
 *   not     = "not" not | "(" filter ")" | test
 *   test    = field ( "=" | "!=" | "~" ) value | field "in" "(" value { "," value } ")"
 *   field   = "id" | "app" | "version" | "base" | "channel" | "state" | "attr." name
 *   value   = word | "text in quotes"
 * ```
 * `~` compares with `*` as a wildcard. What a device has not is the empty text.
 * Example: `channel = beta and not (attr.site in (lab, "hall 2") or version ~ 0.*)`
 */
import { Problem } from "../problems.ts"

export interface FilterFields {
    readonly id: string
    readonly app: string | null
    readonly version: string | null
    readonly base: string | null
    readonly channel: string | null
    readonly state: string | null
    readonly attributes: Readonly<Record<string, string>>
}

export type Predicate = (device: FilterFields) => boolean

export const FILTER_MAX_CHARS = 1_000
/** A rollout adds its channel and its parentheses to what was sent. */
const JOINED_MAX_CHARS = FILTER_MAX_CHARS + 100
/** Deep enough for people, shallow enough for the stack. */
const DEPTH_MAX = 20

const TOKEN = /\s*(?:(!=|[=~(),])|"((?:[^"\\]|\\.)*)"|([^\s"=~!(),]+))/y
const FIELDS = new Set(["id", "app", "version", "base", "channel", "state"])

interface Token {
    readonly kind: "sign" | "text" | "word" | "end"
    readonly text: string
    readonly at: number
}

/** @throws Problem HOV_API_BAD_FILTER with the place of the mistake. */
export function parseFilter(source: string): Predicate {
    const parser = new Parser(tokenize(source))
    const predicate = parser.any(0)
    parser.expectEnd()
    return predicate
}

class Parser {
    readonly #tokens: readonly Token[]
    #next = 0

    constructor(tokens: readonly Token[]) {
        this.#tokens = tokens
    }

    any(depth: number): Predicate {
        const parts = [this.#all(depth)]
        while (this.#takeWord("or")) parts.push(this.#all(depth))
        return parts.length === 1 ? parts[0] : device => parts.some(part => part(device))
    }

    expectEnd(): void {
        const token = this.#tokens[this.#next]
        if (token.kind !== "end") throw bad(`'${token.text}' was not expected`, token)
    }

    #all(depth: number): Predicate {
        const parts = [this.#one(depth)]
        while (this.#takeWord("and")) parts.push(this.#one(depth))
        return parts.length === 1 ? parts[0] : device => parts.every(part => part(device))
    }

    #one(depth: number): Predicate {
        if (depth > DEPTH_MAX) throw bad("too many levels of parentheses", this.#tokens[this.#next])
        if (this.#takeWord("not")) {
            const inner = this.#one(depth + 1)
            return device => !inner(device)
        }
        if (this.#takeSign("(")) {
            const inner = this.any(depth + 1)
            this.#expectSign(")")
            return inner
        }
        return this.#test()
    }

    #test(): Predicate {
        const read = reader(this.#take("a field"))
        if (this.#takeWord("in")) {
            this.#expectSign("(")
            const values = new Set([this.#value()])
            while (this.#takeSign(",")) values.add(this.#value())
            this.#expectSign(")")
            return device => values.has(read(device))
        }
        const sign = this.#tokens[this.#next++]
        if (sign.kind !== "sign" || !["=", "!=", "~"].includes(sign.text)) throw bad("expected =, !=, ~ or in", sign)
        const value = this.#value()
        if (sign.text === "=") return device => read(device) === value
        if (sign.text === "!=") return device => read(device) !== value
        return device => matchesGlob(read(device), value)
    }

    #value(): string {
        return this.#take("a value").text
    }

    #take(what: string): Token {
        const token = this.#tokens[this.#next++]
        if (token.kind !== "word" && token.kind !== "text") throw bad(`expected ${what}`, token)
        return token
    }

    #takeWord(word: string): boolean {
        const token = this.#tokens[this.#next]
        if (token.kind !== "word" || token.text.toLowerCase() !== word) return false
        this.#next++
        return true
    }

    #takeSign(sign: string): boolean {
        const token = this.#tokens[this.#next]
        if (token.kind !== "sign" || token.text !== sign) return false
        this.#next++
        return true
    }

    #expectSign(sign: string): void {
        if (!this.#takeSign(sign)) throw bad(`expected ${sign}`, this.#tokens[this.#next])
    }
}

function reader(token: Token): (device: FilterFields) => string {
    const { text } = token
    if (text.startsWith("attr.") && text.length > 5) {
        const name = text.slice(5)
        return device => (Object.hasOwn(device.attributes, name) ? device.attributes[name] : "")
    }
    if (!FIELDS.has(text)) throw bad(`there is no field '${text}': use ${[...FIELDS].join(", ")} or attr.NAME`, token)
    return device => device[text as "id"] ?? ""
}

/** Linear in text times stars: no regular expression is made of what people type. */
export function matchesGlob(text: string, pattern: string): boolean {
    const parts = pattern.split("*")
    if (parts.length === 1) return text === pattern
    const first = parts[0]
    const last = parts[parts.length - 1]
    if (!text.startsWith(first)) return false
    let at = first.length
    for (const part of parts.slice(1, -1)) {
        const found = text.indexOf(part, at)
        if (found < 0) return false
        at = found + part.length
    }
    return text.length - last.length >= at && text.endsWith(last)
}

function tokenize(source: string): Token[] {
    if (source.length > JOINED_MAX_CHARS) throw new Problem("HOV_API_BAD_FILTER", `over ${FILTER_MAX_CHARS} characters`)
    const tokens: Token[] = []
    const trimmed = source.trimEnd()
    TOKEN.lastIndex = 0
    while (TOKEN.lastIndex < trimmed.length) {
        const at = TOKEN.lastIndex
        const match = TOKEN.exec(trimmed)
        if (match === null) throw new Problem("HOV_API_BAD_FILTER", `cannot read it at character ${at + 1}`)
        const [, sign, text, word] = match
        if (sign !== undefined) tokens.push({ kind: "sign", text: sign, at })
        else if (text !== undefined) tokens.push({ kind: "text", text: text.replaceAll(/\\(.)/g, "$1"), at })
        else tokens.push({ kind: "word", text: word, at })
    }
    tokens.push({ kind: "end", text: "the end", at: trimmed.length })
    // The parser may look one past a token that it took by mistake.
    tokens.push(tokens[tokens.length - 1])
    return tokens
}

const bad = (what: string, token: Token): Problem =>
    new Problem("HOV_API_BAD_FILTER", `${what} at character ${token.at + 1}`)
