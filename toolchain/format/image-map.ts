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
    /** functions of the base, in the order that boards number them: the update ledger names calls of them. Missing in older maps. */
    readonly hosts?: readonly MappedHost[]
}

export interface MappedHost {
    readonly name: string
    /** `path:line`, or null for top-level code */
    readonly location: string | null
    /** what it was registered as at top level: `interval`, `timeout`, `subscription`, `fiber`; else `call` */
    readonly role: string
}

export interface MappedFunction {
    readonly name: string
    readonly key: string
    /** number in `paths`, or -1 for code that the builder made */
    readonly path: number
    /** from this place in the code array on: number in `paths`, line. Sorted; one entry for each change of line. */
    readonly lines: readonly (readonly [place: number, path: number, line: number])[]
}

export const imageMapFormat = "handover-image-map"
export const imageMapVersion = 1

/** A file that is not an image map, or not one of this version; the message says what to do. */
export class ImageMapError extends Error {
    readonly code: "HOV_MAP_FORMAT" | "HOV_MAP_VERSION"
    constructor(code: ImageMapError["code"], message: string) {
        super(message)
        this.name = "ImageMapError"
        this.code = code
    }
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
 * @throws ImageMapError `HOV_MAP_FORMAT`, `HOV_MAP_VERSION`
 */
export function readImageMap(text: string): ImageMap {
    let value: unknown
    try {
        value = JSON.parse(text)
    } catch {
        throw notAMap("it is not JSON")
    }
    return checkedImageMap(value)
}

/**
 * A map that came inside something else.
 * @throws ImageMapError `HOV_MAP_FORMAT`, `HOV_MAP_VERSION`
 */
export function checkedImageMap(value: unknown): ImageMap {
    const map = value as Partial<ImageMap> | undefined
    if (map?.format !== imageMapFormat) throw notAMap(`its "format" is not "${imageMapFormat}"`)
    if (map.formatVersion !== imageMapVersion)
        throw new ImageMapError("HOV_MAP_VERSION", `image map format ${map.formatVersion} is not known, only ${imageMapVersion}: use the version of handover that wrote it`)
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
    const isHost = (h: Partial<MappedHost> | null) => isText(h?.name) && isText(h?.role) && (h?.location === null || isText(h?.location))
    if (map.hosts !== undefined && !(Array.isArray(map.hosts) && map.hosts.every(isHost))) throw notAMap("its functions of the base are not what they should be")
    return map as ImageMap
}

function notAMap(why: string): ImageMapError {
    return new ImageMapError("HOV_MAP_FORMAT", `not an image map: ${why}. Take the .map.json file that "handover release" wrote beside the artifact`)
}
