import fc from "fast-check"

type Change =
    | { readonly kind: "set"; readonly at: number; readonly value: number }
    | { readonly kind: "flip"; readonly at: number; readonly value: number }
    | { readonly kind: "cut"; readonly at: number; readonly value: number }
    | { readonly kind: "insert"; readonly at: number; readonly value: number }
    | { readonly kind: "repeat"; readonly at: number; readonly value: number }
    | { readonly kind: "big"; readonly at: number; readonly value: number }

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0xc0, 0xc6, 0xc8, 0xcb, 0xcf]

/** Valid bytes with one to six changes; one time in sixteen, bytes that are not valid at all. */
export function mutated(samples: readonly Uint8Array[], maxBytes: number): fc.Arbitrary<Uint8Array> {
    const change = fc.record({
        kind: fc.constantFrom<Change["kind"]>("set", "set", "set", "set", "flip", "flip", "flip", "big", "big", "cut", "insert", "repeat"),
        // without bias: fast-check would change the first byte most of the time
        at: fc.noBias(fc.integer({ min: 0, max: 999_999 })).map(n => n / 1_000_000),
        value: fc.oneof(fc.nat(255), fc.constantFrom(...INTERESTING)),
    })
    const changed = fc
        .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 4 }))
        .map(([sample, changes]) => changes.reduce<Buffer>((bytes, one) => apply(bytes, one as Change).subarray(0, maxBytes), Buffer.from(sample)))
    return fc.oneof({ weight: 15, arbitrary: changed }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: Math.min(maxBytes, 200) }) })
}

function apply(bytes: Buffer, { kind, at: where, value }: Change): Buffer {
    const at = Math.min(bytes.length - 1, Math.floor(where * bytes.length))
    if (at < 0) return Buffer.of(value)
    switch (kind) {
        case "set":
            bytes[at] = value
            return bytes
        case "flip":
            bytes[at] ^= 1 << (value & 7)
            return bytes
        case "cut":
            return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + (value & 15))])
        case "insert":
            return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + (value & 31), value), bytes.subarray(at)])
        case "repeat":
            return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - value), at), bytes.subarray(at)])
        case "big":
            bytes.fill(0xff, at, Math.min(bytes.length, at + 1 + (value & 3)))
            return bytes
    }
}

/** `count` of them, the same for the same seed. */
export function* samplesOf<T>(arbitrary: fc.Arbitrary<T>, seed: number, count: number, batch = 1000): Generator<T> {
    for (let from = 0, part = 0; from < count; from += batch, part++)
        yield* fc.sample(arbitrary, { seed: seed * 1_000_003 + part, numRuns: Math.min(batch, count - from) })
}
