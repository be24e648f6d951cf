import { DIRECT_CONST_OFFSET, DIRECT_CONST_OPCODE, FIRST_MULTIBYTE_INT, type OpName, op } from "./opcodes.ts"

/**
 * Writes bytecode. An expression is a small integer or `[operation, immediate?, ...operands]`; a jump's immediate is a
 * label's name.
 */
export type Expression = number | readonly [OpName, ...(number | string | Expression)[]]

/** Bytes of an integer immediate (runtime/devicescript/vm_main.c, devs_vm_fetch_int). */
export function encodeInt(value: number): number[] {
    if (value >= 0 && value < FIRST_MULTIBYTE_INT) return [value]
    const bytes: number[] = []
    for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff)
    return [FIRST_MULTIBYTE_INT | (value < 0 ? 4 : 0) | (bytes.length - 1), ...bytes]
}

interface JumpSite {
    /** index of the piece that holds the jump */
    piece: number
    label: string
}

/** Code is kept in pieces, so that a jump can shrink to the size that its distance needs. */
export class Assembler {
    private readonly pieces: number[][] = [[]]
    private readonly jumps: JumpSite[] = []
    /** label -> piece that starts there */
    private readonly labels = new Map<string, number>()

    /** Appends one statement, e.g. `emit("STORE_LOCAL", 3, ["ADD", ["LOAD_LOCAL", 1], 1])`. */
    emit(name: OpName, ...rest: (number | string | Expression)[]): this {
        this.expression([name, ...rest])
        return this
    }

    /** Appends bytes that hold no label. */
    raw(bytes: Uint8Array): this {
        this.last().push(...bytes)
        return this
    }

    /** Names the next statement. */
    label(name: string): this {
        if (this.labels.has(name)) throw new Error(`label ${name} defined twice`)
        this.pieces.push([])
        this.labels.set(name, this.pieces.length - 1)
        return this
    }

    private last(): number[] {
        return this.pieces[this.pieces.length - 1]
    }

    private expression(e: Expression): void {
        if (typeof e === "number") {
            if (e >= -DIRECT_CONST_OFFSET && e < 256 - DIRECT_CONST_OPCODE - DIRECT_CONST_OFFSET)
                this.last().push(DIRECT_CONST_OPCODE + DIRECT_CONST_OFFSET + e)
            else this.last().push(op.LITERAL.code, ...encodeInt(e))
            return
        }
        const [name, ...rest] = e
        const operation = op[name]
        const immediate = operation.immediate === undefined ? undefined : rest.shift()
        if (rest.length !== operation.operands) throw new Error(`${name} takes ${operation.operands} operands, not ${rest.length}`)
        for (const operand of rest) this.expression(operand as Expression)
        if (operation.immediate === "jump") {
            this.pieces.push([operation.code])
            this.jumps.push({ piece: this.pieces.length - 1, label: immediate as string })
            this.pieces.push([])
        } else {
            this.last().push(operation.code)
            if (immediate !== undefined) this.last().push(...encodeInt(immediate as number))
        }
    }

    /** Resolves the jumps, each in as few bytes as it can, and returns the code and where each label is. */
    finish(): { code: Uint8Array; labels: Map<string, number> } {
        const widths = this.jumps.map(() => 1)
        for (;;) {
            const starts = this.starts(widths)
            let grown = false
            this.jumps.forEach((jump, i) => {
                const width = encodeInt(this.distance(jump, starts)).length
                if (width > widths[i]) {
                    widths[i] = width
                    grown = true
                }
            })
            if (!grown) return this.write(widths, starts)
        }
    }

    private distance(jump: JumpSite, starts: number[]): number {
        const target = this.labels.get(jump.label)
        if (target === undefined) throw new Error(`label ${jump.label} is not defined`)
        return starts[target] - starts[jump.piece]
    }

    private starts(widths: number[]): number[] {
        const extra = new Map(this.jumps.map((jump, i) => [jump.piece, widths[i]]))
        const starts: number[] = []
        let at = 0
        this.pieces.forEach((piece, i) => {
            starts.push(at)
            at += piece.length + (extra.get(i) ?? 0)
        })
        return starts
    }

    private write(widths: number[], starts: number[]): { code: Uint8Array; labels: Map<string, number> } {
        const jumpAt = new Map(this.jumps.map((jump, i) => [jump.piece, i]))
        const out: number[] = []
        this.pieces.forEach((piece, i) => {
            out.push(...piece)
            const j = jumpAt.get(i)
            if (j !== undefined) out.push(...encodeIntIn(widths[j], this.distance(this.jumps[j], starts)))
        })
        const labels = new Map([...this.labels].map(([name, piece]) => [name, starts[piece]]))
        return { code: Uint8Array.from(out), labels }
    }
}

/** An integer in exactly `width` bytes, though it may need less: code around it keeps its place. */
export function encodeIntIn(width: number, value: number): number[] {
    const bytes = encodeInt(value)
    if (bytes.length === width) return bytes
    if (bytes.length > width) throw new RangeError(`${value} does not fit in ${width} bytes`)
    const digits: number[] = []
    let rest = Math.abs(value)
    for (let i = 1; i < width; i++) {
        digits.unshift(rest & 0xff)
        rest = Math.floor(rest / 256)
    }
    return [FIRST_MULTIBYTE_INT | (value < 0 ? 4 : 0) | (width - 2), ...digits]
}
