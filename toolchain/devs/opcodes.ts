/**
 * The instruction set of DeviceScript bytecode 2.16.4, as one table.
 * Source: bytecode/bytecode.md of microsoft/devicescript.
 *
 * Expressions push one value; statements pop all of the stack and end a sequence. An operation with an immediate
 * carries one integer after its opcode; what that integer means is its `immediate` kind, which is all that a linker
 * needs to know to move code between programs.
 */

/** What the integer that follows an opcode stands for. */
export type ImmediateKind =
    | "jump"
    | "local"
    | "closureLocal"
    | "global"
    | "function"
    | "builtinString"
    | "asciiString"
    | "utf8String"
    | "buffer"
    | "spec"
    | "int"
    | "float"
    | "builtinObject"

export interface Opcode {
    readonly code: number
    readonly name: OpName
    readonly isStatement: boolean
    /** number of operands taken from the expression stack */
    readonly operands: number
    readonly immediate: ImmediateKind | undefined
    /** control never continues behind it */
    readonly isFinal: boolean
}

type Row = Omit<Opcode, "name">

function expr(code: number, operands: number, immediate?: ImmediateKind): Row {
    return { code, operands, immediate, isStatement: false, isFinal: false }
}
function stmt(code: number, operands: number, immediate?: ImmediateKind, isFinal = false): Row {
    return { code, operands, immediate, isStatement: true, isFinal }
}

const rows = {
    BUILTIN_OBJECT: expr(1, 0, "builtinObject"),
    CALL0: stmt(2, 1),
    CALL1: stmt(3, 2),
    CALL2: stmt(4, 3),
    CALL3: stmt(5, 4),
    CALL4: stmt(6, 5),
    CALL5: stmt(7, 6),
    CALL6: stmt(8, 7),
    CALL7: stmt(9, 8),
    CALL8: stmt(10, 9),
    INDEX_DELETE: stmt(11, 2),
    RETURN: stmt(12, 1, undefined, true),
    JMP: stmt(13, 0, "jump", true),
    JMP_Z: stmt(14, 1, "jump"),
    BIND: expr(15, 2),
    OBJECT_FIELD: expr(16, 0, "builtinString"),
    STORE_LOCAL: stmt(17, 1, "local"),
    STORE_GLOBAL: stmt(18, 1, "global"),
    STORE_BUFFER: stmt(19, 4),
    INF: expr(20, 0),
    LOAD_LOCAL: expr(21, 0, "local"),
    LOAD_GLOBAL: expr(22, 0, "global"),
    UPLUS: expr(23, 1),
    INDEX: expr(24, 2),
    INDEX_SET: stmt(25, 3),
    BUILTIN_FIELD: expr(26, 1, "builtinString"),
    ASCII_FIELD: expr(27, 1, "asciiString"),
    UTF8_FIELD: expr(28, 1, "utf8String"),
    MATH_FIELD: expr(29, 0, "builtinString"),
    DS_FIELD: expr(30, 0, "builtinString"),
    ALLOC_MAP: stmt(31, 0),
    ALLOC_ARRAY: stmt(32, 1),
    ALLOC_BUFFER: stmt(33, 1),
    STATIC_SPEC_PROTO: expr(34, 0, "spec"),
    STATIC_BUFFER: expr(35, 0, "buffer"),
    STATIC_BUILTIN_STRING: expr(36, 0, "builtinString"),
    STATIC_ASCII_STRING: expr(37, 0, "asciiString"),
    STATIC_UTF8_STRING: expr(38, 0, "utf8String"),
    STATIC_FUNCTION: expr(39, 0, "function"),
    LITERAL: expr(40, 0, "int"),
    LITERAL_F64: expr(41, 0, "float"),
    LOAD_BUFFER: expr(43, 3),
    RET_VAL: expr(44, 0),
    TYPEOF: expr(45, 1),
    UNDEFINED: expr(46, 0),
    IS_UNDEFINED: expr(47, 1),
    TRUE: expr(48, 0),
    FALSE: expr(49, 0),
    TO_BOOL: expr(50, 1),
    NAN: expr(51, 0),
    ABS: expr(52, 1),
    BIT_NOT: expr(53, 1),
    IS_NAN: expr(54, 1),
    NEG: expr(55, 1),
    NOT: expr(56, 1),
    TO_INT: expr(57, 1),
    ADD: expr(58, 2),
    SUB: expr(59, 2),
    MUL: expr(60, 2),
    DIV: expr(61, 2),
    BIT_AND: expr(62, 2),
    BIT_OR: expr(63, 2),
    BIT_XOR: expr(64, 2),
    SHIFT_LEFT: expr(65, 2),
    SHIFT_RIGHT: expr(66, 2),
    SHIFT_RIGHT_UNSIGNED: expr(67, 2),
    EQ: expr(68, 2),
    LE: expr(69, 2),
    LT: expr(70, 2),
    NE: expr(71, 2),
    IS_NULLISH: expr(72, 1),
    STORE_CLOSURE: stmt(73, 2, "closureLocal"),
    LOAD_CLOSURE: expr(74, 1, "closureLocal"),
    MAKE_CLOSURE: expr(75, 0, "function"),
    TYPEOF_STR: expr(76, 1),
    JMP_RET_VAL_Z: stmt(78, 0, "jump"),
    CALL_ARRAY: stmt(79, 2),
    TRY: stmt(80, 0, "jump"),
    END_TRY: stmt(81, 0, "jump", true),
    CATCH: stmt(82, 0),
    FINALLY: stmt(83, 0),
    THROW: stmt(84, 1, undefined, true),
    RE_THROW: stmt(85, 1, undefined, true),
    THROW_JMP: stmt(86, 1, "jump", true),
    DEBUGGER: stmt(87, 0),
    NEW: expr(88, 1),
    INSTANCE_OF: expr(89, 2),
    NULL: expr(90, 0),
    APPROX_EQ: expr(91, 2),
    APPROX_NE: expr(92, 2),
    STORE_RET_VAL: stmt(93, 1),
    STATIC_SPEC: expr(94, 0, "spec"),
} satisfies Record<string, Row>

export type OpName = keyof typeof rows

/** Every operation by its name, e.g. `op.STORE_LOCAL.code`. */
export const op = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [name, Object.freeze({ name, ...row })])
) as unknown as { readonly [name in OpName]: Opcode }

const byCode: (Opcode | undefined)[] = []
for (const o of Object.values(op)) byCode[o.code] = o

/** Opcodes from here on are the small integers -16 … 111 themselves. */
export const DIRECT_CONST_OPCODE = 0x80
export const DIRECT_CONST_OFFSET = 16
/** Integers below this are one byte; from here on the byte holds sign and length. */
export const FIRST_MULTIBYTE_INT = 0xf8

/** The operation with this code, or undefined for a code that the VM would panic on. */
export function opcodeOf(code: number): Opcode | undefined {
    return byCode[code]
}
