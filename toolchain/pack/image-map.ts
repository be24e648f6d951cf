import { createHash } from "node:crypto"
import type { LinkedBase } from "../link/link-base.ts"
import type { Update } from "../diff/build-update.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { PackError } from "./pack-error.ts"
import { type SourceLines, sourceLines } from "./source-lines.ts"

/**
 * What turns the places in an image's code arrays back into source lines. It stays with the one who publishes: boards
 * report a function's number and a place, never a name.
 */
export interface ImageMap {
    readonly format: typeof imageMapFormat
    readonly formatVersion: typeof imageMapVersion
    /** 16 hex digits */
    readonly baseId: string
    readonly version: string
    readonly sequence: number
    /** SHA-256 of the image, 64 hex digits; a board reports its beginning */
    readonly imageDigest: string
    readonly paths: readonly string[]
    /** in the image's order: a board names a function by its place in this list */
    readonly functions: readonly MappedFunction[]
}

export interface MappedFunction {
    readonly name: string
    readonly key: string
    /** number in `paths`, or -1 for code that the builder made */
    readonly path: number
    /** from this place in the code array on: number in `paths`, line. Sorted; one entry for each change of line. */
    readonly lines: readonly (readonly [place: number, path: number, line: number])[]
}

const imageMapFormat = "handover-image-map"
const imageMapVersion = 1

/** The map of the image that `buildUpdate` made of `base` and `next`. */
export function imageMap(base: LinkedBase, next: CompiledProgram, update: Update, options: { readonly version: string }): ImageMap {
    const paths: string[] = []
    const numberOf = (path: string) => {
        const known = paths.indexOf(path)
        return known >= 0 ? known : paths.push(path) - 1
    }
    const source = sourceLines(next.debug)
    const functions = update.shipped.map((shipped): MappedFunction => {
        const { name, key, nextIndex } = shipped
        if (nextIndex < 0) return { name, key, path: -1, lines: [] }
        return {
            name: nextIndex === 0 ? "top-level code" : name,
            key,
            path: numberOf(next.functions[nextIndex].path),
            lines: linesOf(source, next, shipped, numberOf),
        }
    })
    return {
        format: imageMapFormat,
        formatVersion: imageMapVersion,
        baseId: Buffer.from(base.baseId).toString("hex"),
        version: options.version,
        sequence: update.image.sequence,
        imageDigest: createHash("sha256").update(update.file).digest("hex"),
        paths,
        functions,
    }
}

function linesOf(
    source: SourceLines,
    next: CompiledProgram,
    shipped: Update["shipped"][number],
    numberOf: (path: string) => number,
): [number, number, number][] {
    const lines: [number, number, number][] = []
    const { startpc } = next.debug.functions[shipped.nextIndex]
    for (const { place, sourcePc } of shipped.laidOut.instructions) {
        const position = source.positionAt(shipped.nextIndex, startpc + sourcePc)
        if (!position) continue
        const path = numberOf(position.path)
        const last = lines.at(-1)
        if (!last || last[1] !== path || last[2] !== position.line) lines.push([place, path, position.line])
    }
    return lines
}

/** `path:line` of a place in a function of the image, or undefined when the map has none. */
export function locateInImage(map: ImageMap, functionIndex: number, place: number): string | undefined {
    const f = map.functions[functionIndex]
    if (!f) return undefined
    let found = f.lines[0]
    for (const entry of f.lines) if (entry[0] <= place) found = entry
    return found && `${map.paths[found[1]]}:${found[2]}`
}

export function encodeImageMap(map: ImageMap): string {
    return `${JSON.stringify(map)}\n`
}

/**
 * Reads a map file.
 * @throws PackError `HOV_MAP_FORMAT`, `HOV_MAP_VERSION`
 */
export function readImageMap(text: string): ImageMap {
    let map: Partial<ImageMap>
    try {
        map = JSON.parse(text) as Partial<ImageMap>
    } catch {
        throw notAMap("it is not JSON")
    }
    if (map?.format !== imageMapFormat) throw notAMap(`its "format" is not "${imageMapFormat}"`)
    if (map.formatVersion !== imageMapVersion)
        throw new PackError("HOV_MAP_VERSION", `image map format ${map.formatVersion} is not known, only ${imageMapVersion}: use the version of handover that wrote it`)
    const { paths, functions } = map
    const isText = (x: unknown) => typeof x === "string"
    if (!isText(map.baseId) || !isText(map.version) || !isText(map.imageDigest) || !Number.isInteger(map.sequence)) throw notAMap("a field is missing")
    if (!Array.isArray(paths) || !paths.every(isText)) throw notAMap("its paths are not a list of texts")
    const isLine = (l: unknown) => Array.isArray(l) && l.length === 3 && l.every(Number.isInteger) && l[1] >= 0 && l[1] < paths.length
    const isFunction = (f: unknown) => {
        const m = f as Partial<MappedFunction> | null
        return isText(m?.name) && isText(m?.key) && Array.isArray(m?.lines) && m.lines.every(isLine)
    }
    if (!Array.isArray(functions) || !functions.every(isFunction)) throw notAMap("its functions are not what they should be")
    return map as ImageMap
}

function notAMap(why: string): PackError {
    return new PackError("HOV_MAP_FORMAT", `not an image map: ${why}. Take the .map.json file that "handover release" wrote beside the artifact`)
}
