// Turns an image into code arrays in RAM. Layout: toolchain/format/image.ts.

import * as ds from "@devicescript/core"
import { HotswapError } from "./errors"
import type { Standing } from "./guard"
import {
    closeReader,
    openReader,
    readByte,
    readCount,
    readerOffset,
    readFloat,
    readInteger,
    readSlice,
    readVarint,
} from "./image-reader"
import { baseIdBytes, capture, hostCount, makeFunction, makeMethod, makeRest, makeRestMethod, statics } from "./machine"
import { bringUp } from "./migration"
import { partOf } from "./plain"

const headerBytes = 32
/** Of a code array: entry handler, what the image's functions share, number and fault policy. */
const codeHeaderWords = 3
/** Words built before other fibers get a turn: a 10 ms loop must not notice an image being loaded. */
const wordsPerTurn = 24

/** Fields that objects of a class may lack, and the code that gives them their first values. */
export interface MigrationRule {
    /** the class's constructor: read out of a field of its own, it would come bound */
    class_: any[]
    fields: string[]
    up: any
}

export interface LoadedImage {
    sequence: number
    sizeBytes: number
    digest8: string
    /** code array of each host, `undefined` where the base's own code stays */
    pointers: any[]
    rules: MigrationRule[]
    /** runs at every activation: methods of library prototypes that the base lacks */
    initialise: any
    /** runs when the image goes live in a running program: first values of new globals, changed constants */
    goLive: any
    /** runs when the base's code is current again: takes back what `goLive` did, or top-level code at boot */
    goBack: any
    budget: number
    standing: Standing
    /** calls of these hosts must have ended before it goes live; undefined for none */
    mixing: number[]
    /** how long it waits for that */
    mixingMsMax: number
}

/** Checks what can be known from the first 32 bytes. Throws HotswapError. */
export function checkHeader(image: Buffer): void {
    if (image.length < headerBytes || image.getAt(0, "u32") !== 0x31564f48) throw new HotswapError("HOV_IMAGE_MAGIC")
    if (image[4] !== 1) throw new HotswapError("HOV_IMAGE_VERSION")
    if (partOf(image, 8, 16).toString("hex") !== baseIdBytes().toString("hex")) throw new HotswapError("HOV_IMAGE_BASE")
    if (image.getAt(20, "u32") !== image.length) throw new HotswapError("HOV_IMAGE_SIZE")
}

/** Members of members, such as `ds.Button.prototype`. */
const nestingMax = 8

let nesting = 0

/** What an image may take of the heap, roughly: running out of memory cannot be caught. */
const heapMaxBytes = 44000
const itemBytes = 40
/** besides being an item */
const functionBytes = 24
const wordBytes = 8

let heapBytes = 0

function spend(sizeBytes: number): void {
    heapBytes += sizeBytes
    if (heapBytes > heapMaxBytes) throw new HotswapError("HOV_IMAGE_HEAP")
}

let strings: string[]
let buffers: Buffer[]
let codes: any[][]
let values: any[]
let cells: any[][]
let tokens: any[][]
let groups: any[][]
let standing: Standing

/**
 * Builds an image's code. Yields between functions' parts, so time-critical loops go on.
 * Throws HotswapError; nothing of the running program has changed then.
 */
export async function loadImage(image: Buffer): Promise<LoadedImage> {
    checkHeader(image)
    openReader(image, headerBytes)
    try {
        return await build(image)
    } finally {
        // of an image that fails late there may be as much as of a good one
        closeReader()
        strings = buffers = codes = values = cells = tokens = groups = kinds = standing = undefined
    }
}

async function build(image: Buffer): Promise<LoadedImage> {
    nesting = heapBytes = 0
    groups = []
    strings = readMany(() => readSlice().toString("utf-8"))
    buffers = readMany(() => readSlice())
    cells = readMany(() => [undefined], readVarint())
    tokens = readMany(() => [], readVarint())
    standing = { sequence: image.getAt(16, "u32"), trial: false, recalled: false, ranges: [] }
    kinds = []
    codes = readMany(() => readKind())
    values = []
    const pointers: any[] = new Array(hostCount())
    for (let i = 0; i < codes.length; ++i) await readFunction(codes[i], i, pointers)
    const rules = readMany(() => readRule())
    const initialise = readVarint()
    const goLive = readVarint()
    const goBack = readVarint()
    const loaded: LoadedImage = {
        sequence: image.getAt(16, "u32"),
        sizeBytes: image.length,
        digest8: "",
        pointers,
        rules,
        initialise: initialise === 0 ? undefined : functionValue(initialise - 1),
        goLive: goLive === 0 ? undefined : functionValue(goLive - 1),
        goBack: goBack === 0 ? undefined : functionValue(goBack - 1),
        budget: image.getAt(24, "u16"),
        standing,
        mixing: undefined,
        mixingMsMax: 0,
    }
    if (readerOffset() < image.length) {
        loaded.mixingMsMax = readVarint()
        loaded.mixing = readMany(() => readVarint())
    }
    if (readerOffset() !== image.length) throw new HotswapError("HOV_IMAGE_FORMAT")
    return loaded
}

function readMany(read: () => any, many?: number): any[] {
    const n = many === undefined ? readCount() : many
    spend(n * itemBytes)
    const all: any[] = []
    for (let i = 0; i < n; ++i) all.push(read())
    return all
}

/** Kinds of functions in an image. */
const addedMethod = 1
const addedRest = 2
const addedRestMethod = 3
const firstHost = 4

/** what each function is, known before any code is read that may refer to it */
let kinds: number[]

/** What a function is; gives the array for its code, which must not grow: a list that does takes a quarter more. */
function readKind(): any[] {
    kinds.push(readVarint())
    const words = readCount()
    spend(functionBytes + words * wordBytes)
    return new Array(codeHeaderWords + words)
}

async function readFunction(code: any[], index: number, pointers: any[]) {
    const kind = kinds[index]
    if (kind >= firstHost) {
        if (kind - firstHost >= hostCount()) throw new HotswapError("HOV_IMAGE_FORMAT")
        pointers[kind - firstHost] = code
    }
    const policy = readByte() & 3
    const ranges = readMany(() => readVarint())
    if (ranges.length > 0) standing.ranges[index] = ranges
    code[0] = capture(0)
    code[1] = standing
    code[2] = index * 4 + policy
    for (let i = codeHeaderWords; i < code.length; ++i) {
        code[i] = readWord(i)
        if (i % wordsPerTurn === 0) await ds.sleep(1)
    }
}

function readRule(): MigrationRule {
    const constructor_ = readWord(0)
    if (typeof constructor_ !== "function") throw new HotswapError("HOV_IMAGE_FORMAT")
    const fields = readMany(() => readWord(0))
    return { class_: [constructor_], fields, up: functionValue(readVarint()) }
}

function functionValue(index: number): any {
    if (index >= codes.length) throw new HotswapError("HOV_IMAGE_FORMAT")
    if (values[index] === undefined) values[index] = makerOf(kinds[index])(codes[index])
    return values[index]
}

function makerOf(kind: number): (code: any[]) => any {
    switch (kind) {
        case addedMethod:
            return makeMethod
        case addedRest:
            return makeRest
        case addedRestMethod:
            return makeRestMethod
        default:
            return makeFunction
    }
}

/** One word of a code array. The first byte says what it is; see toolchain/format/words.ts. */
function readWord(position: number): any {
    const b = readByte()
    if (b < 0xc0) return capture(b)
    if (b >= 0xe0) return staticValue(b - 0xe0)
    if (b >= 0xd0) return b - 0xd0
    switch (b) {
        case 0xc0:
            return capture(0xc0 + readByte())
        case 0xc1:
            return capture(0x1c0 + readByte())
        case 0xc2:
            return readInteger()
        case 0xc3:
            return readFloat()
        case 0xc4:
            return special(readByte())
        case 0xc5:
            return staticValue(readVarint())
        case 0xc6:
            return member(strings, readVarint())
        case 0xc7:
            return member(buffers, readVarint())
        case 0xc8:
            return functionValue(readVarint())
        case 0xc9:
            return member(cells, readVarint())
        case 0xca:
            return member(tokens, readVarint())
        case 0xcb: {
            // a stack overflow cannot be caught
            if (++nesting > nestingMax) throw new HotswapError("HOV_IMAGE_FORMAT")
            const object = readWord(0)
            const value = object[readWord(0)]
            nesting--
            return value
        }
        case 0xcc:
            return -readByte()
        case 0xcd:
            return position + readByte()
        case 0xce:
            return position - readByte()
        case 0xcf:
            return bringUp
        default:
            throw new HotswapError("HOV_IMAGE_FORMAT")
    }
}

function member(list: any[], index: number): any {
    if (index >= list.length) throw new HotswapError("HOV_IMAGE_FORMAT")
    return list[index]
}

function staticValue(index: number): any {
    const group = index >> 3
    if (group < groups.length && groups[group]) return groups[group][index & 7]
    const values = statics(group)
    // before the list grows: running out of memory cannot be caught
    if (!values) throw new HotswapError("HOV_IMAGE_FORMAT")
    groups[group] = values
    return values[index & 7]
}

function special(kind: number): any {
    switch (kind) {
        case 0:
            return undefined
        case 1:
            return null
        case 2:
            return true
        case 3:
            return false
        case 4:
            return NaN
        case 5:
            return Infinity
        case 6:
            return member(codes, readVarint())
        default:
            throw new HotswapError("HOV_IMAGE_FORMAT")
    }
}
