import { createHash } from "node:crypto"
import type { LinkedBase } from "../link/link-base.ts"
import type { Update } from "../diff/build-update.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { type ImageMap, ImageMapError, imageMapFormat, imageMapVersion, type MappedFunction, readImageMap as readMap } from "../format/image-map.ts"
import { nameOldCall } from "./name-old-call.ts"
import { PackError } from "./pack-error.ts"
import { type SourceLines, sourceLines } from "./source-lines.ts"

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
        hosts: base.hosts.map((_, host) => {
            const { functionName, location, role } = nameOldCall({ host, sequence: null, function: null }, base, undefined)
            return { name: functionName, location: location ?? null, role }
        }),
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

export { encodeImageMap, type ImageMap, locateInImage, type MappedFunction } from "../format/image-map.ts"

/**
 * Reads a map file.
 * @throws PackError `HOV_MAP_FORMAT`, `HOV_MAP_VERSION`
 */
export function readImageMap(text: string): ImageMap {
    try {
        return readMap(text)
    } catch (e) {
        if (e instanceof ImageMapError) throw new PackError(e.code, e.message)
        throw e
    }
}
