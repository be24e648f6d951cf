import { codeHeaderWords } from "../executor/frame.ts"
import type { ImageFunction, ImageTarget } from "../format/image.ts"
import type { Word } from "../format/words.ts"
import type { LinkedBase } from "../link/link-base.ts"
import { type Static, staticKey } from "../link/statics.ts"
import { builtinStringIndex } from "../devs/builtins.ts"
import type { FaultPolicy, GuestFunction, Operand } from "../translate/guest-code.ts"

/** Strings, buffers and numbers of handlers that the functions of one image share. */
export class ImagePool {
    readonly strings: string[] = []
    readonly buffers: Uint8Array[] = []
    private readonly statics: ReadonlyMap<string, number>
    private readonly handlers: ReadonlyMap<string, number>
    private readonly base: LinkedBase
    private readonly asciiIndex: ReadonlyMap<string, number>
    private readonly utf8Index: ReadonlyMap<string, number>

    constructor(base: LinkedBase) {
        this.base = base
        this.statics = new Map(base.statics.map((s, i) => [staticKey(s), i]))
        this.handlers = new Map(base.operations.map((o, i) => [o.name, i]))
        this.asciiIndex = new Map(base.program.image.asciiStrings.map((s, i) => [s, i]))
        this.utf8Index = new Map(base.program.image.utf8Strings.map((s, i) => [s, i]))
    }

    handler(operation: string): Word {
        return { kind: "handler", number: this.handlers.get(operation)! }
    }

    static(s: Static): Word | undefined {
        const index = this.statics.get(staticKey(s))
        return index === undefined ? undefined : { kind: "static", index }
    }

    string(text: string): Word {
        const builtin = builtinStringIndex(text)
        const ascii = this.asciiIndex.get(text)
        const utf8 = this.utf8Index.get(text)
        const known =
            (builtin !== undefined && this.static({ kind: "builtin", index: builtin })) ||
            (ascii !== undefined && this.static({ kind: "ascii", index: ascii })) ||
            (utf8 !== undefined && this.static({ kind: "utf8", index: utf8 }))
        return known || { kind: "string", index: indexIn(this.strings, text, (x, y) => x === y) }
    }

    buffer(bytes: Uint8Array): Word {
        const same = (x: Uint8Array, y: Uint8Array) => Buffer.compare(x, y) === 0
        const inBase = this.base.program.image.buffers.findIndex(b => same(b, bytes))
        const known = inBase < 0 ? undefined : this.static({ kind: "buffer", index: inBase })
        return known ?? { kind: "buffer", index: indexIn(this.buffers, bytes, same) }
    }

    word(o: Operand, labels: ReadonlyMap<string, number>): Word {
        switch (o.kind) {
            case "int":
            case "float":
            case "special":
                return o
            case "string":
                return this.string(o.text)
            case "buffer":
                return this.buffer(o.bytes)
            case "baseFunction":
                return this.required({ kind: "function", index: o.index })
            case "addedFunction":
                return { kind: "function", index: o.index }
            case "addedCode":
                return { kind: "code", index: o.index }
            case "builtinObject":
                return this.required({ kind: "object", index: o.index })
            case "builtinField":
                return { kind: "member", object: this.required({ kind: "object", index: o.object }), name: this.string(o.name) }
            case "spec":
                return this.required({ kind: o.prototype ? "specPrototype" : "spec", index: o.index })
            case "bringUp":
                return { kind: "migrate" }
            case "cell":
            case "token":
                return { kind: o.kind, index: o.index }
            case "label":
                return { kind: "target", index: labels.get(o.name)! }
        }
    }

    private required(s: Static): Word {
        const word = this.static(s)
        if (!word) throw new Error(`the base does not offer ${staticKey(s)}`)
        return word
    }
}

function indexIn<T>(list: T[], item: T, same: (x: T, y: T) => boolean): number {
    const found = list.findIndex(x => same(x, item))
    return found >= 0 ? found : list.push(item) - 1
}

/** Which instruction stands at which place of a code array: for diagnostics and disassembly. */
export interface PlacedInstruction {
    readonly place: number
    readonly operation: string
    readonly operands: readonly Operand[]
    readonly sourcePc: number
}

export interface LaidOutFunction {
    readonly function: ImageFunction
    readonly instructions: readonly PlacedInstruction[]
    readonly labels: ReadonlyMap<string, number>
}

/** Gives every instruction its place in the code array and resolves labels. */
export function layOut(guest: GuestFunction, target: ImageTarget, policy: FaultPolicy, pool: ImagePool, tokenBase: number): LaidOutFunction {
    const labels = new Map<string, number>()
    const instructions: PlacedInstruction[] = []
    let place = codeHeaderWords
    for (const item of guest.items) {
        if ("label" in item) labels.set(item.label, place)
        else {
            instructions.push({ place, ...item })
            place += 1 + item.operands.length
        }
    }
    const words: Word[] = []
    for (const i of instructions) {
        words.push(pool.handler(i.operation))
        for (const o of i.operands)
            words.push(pool.word(o.kind === "token" ? { kind: "token", index: tokenBase + o.index } : o, labels))
    }
    const ranges = guest.tryRanges.map(
        r => [labels.get(r.start)!, labels.get(r.end)!, labels.get(r.handler)!] as const,
    )
    return { function: { target, policy, ranges, words }, instructions, labels }
}
