import { builtinObjects, builtinStrings } from "../devs/builtins.ts"
import { codeHeaderWords, type Image, type ImageFunction } from "../format/image.ts"
import type { Word } from "../format/words.ts"
import type { LinkedBase } from "../link/link-base.ts"
import type { Static } from "../link/statics.ts"
import { type ImageMap, locateInImage } from "./image-map.ts"

/** One instruction of an image's function, as a person reads it. */
export interface ImageLine {
    readonly place: number
    readonly operation: string
    readonly operands: readonly string[]
    /** `path:line`, from the map */
    readonly location: string | undefined
}

/** Needs the base, whose table gives handlers their numbers; the map only adds lines. */
export function disassembleFunction(image: Image, number: number, base: LinkedBase, map?: ImageMap): ImageLine[] {
    const { words } = image.functions[number]
    const lines: ImageLine[] = []
    for (let i = 0; i < words.length; ) {
        const place = i + codeHeaderWords
        const word = words[i]
        const operation = word.kind === "handler" ? base.operations[word.number] : undefined
        const length = operation ? Math.max(1, operation.words) : 1
        lines.push({
            place,
            operation: operation ? readable(operation.name, base) : `? ${wordText(word, image, base)}`,
            operands: words.slice(i + 1, i + length).map(w => wordText(w, image, base)),
            location: map && locateInImage(map, number, place),
        })
        i += length
    }
    return lines
}

export function wordText(word: Word, image: Image, base: LinkedBase | undefined): string {
    switch (word.kind) {
        case "handler":
            return base?.operations[word.number]?.name ?? `handler ${word.number}`
        case "int":
        case "float":
            return String(word.value)
        case "special":
            return word.value
        case "static":
            return base?.statics[word.index] ? staticText(base.statics[word.index], base) : `base value ${word.index}`
        case "string":
            return JSON.stringify(image.strings[word.index])
        case "buffer":
            return `hex ${Buffer.from(image.buffers[word.index]).toString("hex")}`
        case "member":
            return `${wordText(word.object, image, base)}.${wordText(word.name, image, base).replaceAll('"', "")}`
        case "target":
            return `→${word.index}`
        case "migrate":
            return "migrate"
        default:
            return `${word.kind} ${word.index}`
    }
}

function staticText(s: Static, { program }: LinkedBase): string {
    switch (s.kind) {
        case "function":
            return `base ${program.functions[s.index]?.name ?? s.index}`
        case "ascii":
            return JSON.stringify(program.image.asciiStrings[s.index])
        case "utf8":
            return JSON.stringify(program.image.utf8Strings[s.index])
        case "builtin":
            return JSON.stringify(builtinStrings[s.index])
        case "buffer":
            return `base buffer ${s.index}`
        case "object":
            return builtinObjects[s.index] ?? `object ${s.index}`
        default:
            return `${s.kind} ${s.index}`
    }
}

/** An operation's name with the base's constants in it instead of their numbers; see executor/patterns.ts. */
export function readable(operation: string, { program }: LinkedBase): string {
    const { image } = program
    const constants: Readonly<Record<string, (n: number) => string>> = {
        a: n => JSON.stringify(image.asciiStrings[n]),
        u: n => JSON.stringify(image.utf8Strings[n]),
        w: n => JSON.stringify(builtinStrings[n]),
        d: n => String(image.floats[n]),
        f: n => program.functions[n]?.name ?? `function ${n}`,
    }
    return operation.replace(/(\.?)\b([auwdf])(\d+)\b/g, (_, dot: string, table: string, n: string) => {
        const text = constants[table](Number(n))
        return dot + (dot && /^"[A-Za-z_]\w*"$/.test(text) ? text.slice(1, -1) : text)
    })
}

/** What a function of an image is for, by its target and place. */
export function functionTitle(image: Image, number: number, base: LinkedBase | undefined, map: ImageMap | undefined): string {
    const { target } = image.functions[number] satisfies ImageFunction
    const mapped = map?.functions[number]?.name
    if ("host" in target) {
        const host = base?.hosts[target.host]
        const name = mapped ?? (target.host === 0 ? "top-level code" : (host?.key ?? "a function"))
        return `${name}, takes the place of host ${target.host}`
    }
    const roles = [
        [image.initialise, "runs at every activation"],
        [image.goLive, "runs when going live"],
        [image.goBack, "runs when going back"],
    ] as const
    const role = roles.find(([n]) => n === number)?.[1]
    return [mapped ?? "added", role ?? `new ${target.added}`].join(", ")
}
