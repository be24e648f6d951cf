/**
 * A small rewriter for WebAssembly binaries: calls a host function at the start of chosen functions, and exports
 * internal ones. Everything else of the binary stays byte for byte.
 *
 * A new import would renumber every function, so the hooks go through the function table instead: the table gets
 * extra slots, each hooked function begins with a `call_indirect` to its slot, and the host puts its function there
 * after instantiation (see `hook-functions.ts`). Functions are found by the debug name that the stock binary carries.
 */
export interface WasmHook {
    /** Debug name of the function; the hook gets the same parameters and returns nothing. */
    functionName: string
    /** How many i32 parameters the function has. */
    parameterCount: number
}

export interface RewrittenWasm {
    wasm: Uint8Array<ArrayBuffer>
    /** Table slot of each hook, in the order asked for. */
    slots: number[]
}

const SECTION = { custom: 0, type: 1, import: 2, function: 3, table: 4, export: 7, code: 10 } as const
const I32 = 0x7f
const OP = { call_indirect: 0x11, local_get: 0x20, i32_const: 0x41 } as const

interface Section {
    id: number
    start: number
    end: number
}

class Reader {
    constructor(
        readonly bytes: Uint8Array,
        public at = 0,
    ) {}
    byte() {
        return this.bytes[this.at++]
    }
    leb() {
        let result = 0
        for (let shift = 0; ; shift += 7) {
            const b = this.byte()
            result |= (b & 0x7f) << shift
            if (!(b & 0x80)) return result >>> 0
        }
    }
    string() {
        const length = this.leb()
        this.at += length
        return Buffer.from(this.bytes.subarray(this.at - length, this.at)).toString("utf8")
    }
}

function leb(value: number): number[] {
    const out: number[] = []
    do {
        const rest = value >>> 7
        out.push((value & 0x7f) | (rest ? 0x80 : 0))
        value = rest
    } while (value)
    return out
}

/** Operand of `i32.const`: signed, so a value with bit 6 of its last byte set needs one byte more. */
function signedLeb(value: number): number[] {
    const out: number[] = []
    for (;;) {
        const b = value & 0x7f
        value >>= 7
        if ((value === 0 && !(b & 0x40)) || (value === -1 && b & 0x40)) return [...out, b]
        out.push(b | 0x80)
    }
}

const text = (s: string) => [...leb(Buffer.byteLength(s)), ...Buffer.from(s)]

/** Adds the hooks and the exports; throws when a name is not in the binary. */
export function rewriteWasm(wasm: Uint8Array, hooks: WasmHook[], exports: string[]): RewrittenWasm {
    const sections = readSections(wasm)
    const section = (id: number) => {
        const found = sections.find(s => s.id === id)
        if (!found) throw new Error(`SIM_WASM_SECTION: the VM binary has no section ${id}`)
        return found
    }
    const indexOf = functionIndices(wasm, sections)
    const importCount = new Reader(wasm, section(SECTION.import).start).leb()
    const functionIndex = (name: string) => {
        const index = indexOf.get(name)
        if (index === undefined) throw new Error(`SIM_WASM_NAME: the VM binary has no function ${name}`)
        return index
    }

    const table = new Reader(wasm, section(SECTION.table).start + 2)
    const tableHasMax = table.byte() & 1
    const tableSize = table.leb()
    const slots = hooks.map((_, i) => tableSize + i)
    const newSize = leb(tableSize + hooks.length)

    const preludes = new Map<number, number[]>()
    hooks.forEach((hook, i) => {
        const type = typeIndex(wasm, section(SECTION.type), hook.parameterCount)
        const parameters = Array.from({ length: hook.parameterCount }, (_, p) => [OP.local_get, p]).flat()
        const call = [...parameters, OP.i32_const, ...signedLeb(slots[i]), OP.call_indirect, ...leb(type), 0]
        preludes.set(functionIndex(hook.functionName) - importCount, call)
    })

    const out: Uint8Array[] = [wasm.subarray(0, 8)]
    for (const s of sections) {
        let body: Uint8Array = wasm.subarray(s.start, s.end)
        if (s.id === SECTION.table) body = Uint8Array.from([1, 0x70, tableHasMax, ...newSize, ...(tableHasMax ? newSize : [])])
        else if (s.id === SECTION.export) body = addExports(body, exports.map(name => [name, functionIndex(name)]))
        else if (s.id === SECTION.code) body = addPreludes(body, preludes)
        out.push(Uint8Array.from([s.id, ...leb(body.length)]), body)
    }
    return { wasm: Uint8Array.from(Buffer.concat(out)), slots }
}

function readSections(wasm: Uint8Array): Section[] {
    const r = new Reader(wasm, 8)
    const sections: Section[] = []
    while (r.at < wasm.length) {
        const id = r.byte()
        const size = r.leb()
        sections.push({ id, start: r.at, end: r.at + size })
        r.at += size
    }
    return sections
}

function functionIndices(wasm: Uint8Array, sections: Section[]): Map<string, number> {
    const names = new Map<string, number>()
    for (const s of sections.filter(s => s.id === SECTION.custom)) {
        const r = new Reader(wasm, s.start)
        if (r.string() !== "name") continue
        while (r.at < s.end) {
            const kind = r.byte()
            const end = r.leb() + r.at
            if (kind === 1) for (let n = r.leb(); n > 0; n--) {
                const index = r.leb()
                names.set(r.string(), index)
            }
            r.at = end
        }
    }
    return names
}

/** Index of the type `(i32 × parameterCount) → ()`. */
function typeIndex(wasm: Uint8Array, section: Section, parameterCount: number): number {
    const r = new Reader(wasm, section.start)
    for (let i = 0, n = r.leb(); i < n; i++) {
        r.byte()
        const parameters = Array.from({ length: r.leb() }, () => r.byte())
        const results = Array.from({ length: r.leb() }, () => r.byte())
        if (results.length === 0 && parameters.length === parameterCount && parameters.every(p => p === I32)) return i
    }
    throw new Error(`SIM_WASM_TYPE: the VM binary has no function type with ${parameterCount} parameters`)
}

function addExports(body: Uint8Array, added: [string, number][]): Uint8Array {
    const r = new Reader(body)
    const count = r.leb() + added.length
    const entries = added.flatMap(([name, index]) => [...text(name), 0, ...leb(index)])
    return Uint8Array.from([...leb(count), ...body.subarray(r.at), ...entries])
}

function addPreludes(body: Uint8Array, preludes: Map<number, number[]>): Uint8Array {
    const r = new Reader(body)
    const out: Uint8Array[] = []
    const count = r.leb()
    out.push(body.subarray(0, r.at))
    for (let i = 0; i < count; i++) {
        const start = r.at
        const size = r.leb()
        const codeStart = r.at
        r.at += size
        const prelude = preludes.get(i)
        if (!prelude) {
            out.push(body.subarray(start, r.at))
            continue
        }
        const locals = new Reader(body, codeStart)
        for (let n = locals.leb(); n > 0; n--) {
            locals.leb()
            locals.byte()
        }
        out.push(
            Uint8Array.from(leb(size + prelude.length)),
            body.subarray(codeStart, locals.at),
            Uint8Array.from(prelude),
            body.subarray(locals.at, r.at),
        )
    }
    return Buffer.concat(out)
}
