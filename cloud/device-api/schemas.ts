/**
 * The device API's bodies. Unknown fields are ignored: a board in the field may be
 * newer than the server.
 */
import type { Static } from "@sinclair/typebox"
import { Type } from "@sinclair/typebox"
import { BANKS, DEVICE_STATES } from "../device-state.ts"
import { BASE_ID_PATTERN, DEVICE_ID_PATTERN, DIGEST_PATTERN } from "../ids.ts"
import { LIMITS } from "../limits.ts"

const U32_MAX = 0xffffffff
const u32 = Type.Integer({ minimum: 0, maximum: U32_MAX })
const state = Type.Union(DEVICE_STATES.map(name => Type.Literal(name)))
const bank = Type.Union(BANKS.map(name => Type.Literal(name)))
/** Visible ASCII, as the manifest has it. */
const version = Type.String({ pattern: "^[\\x21-\\x7e]{1,16}$" })
/** Uptime, boots: counters that a board may keep for ever. */
const counter = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

export const DeviceParams = Type.Object({ device: Type.String({ pattern: DEVICE_ID_PATTERN }) })

export const PollQuery = Type.Object({
    ct: Type.Integer({
        minimum: 0,
        maximum: LIMITS.holdMaxS,
        default: 0,
        description: "Seconds to hold the poll when there is nothing to say",
    }),
    leaving: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 1, description: "1: the device was told to move, talks to the next server already on another connection, and waits here until it is let go of" }),
    ),
})

export const PollBody = Type.Object(
    {
        v: version,
        seq: u32,
        base: Type.String({ pattern: BASE_ID_PATTERN }),
        bank,
        state,
        boot: Type.Optional(counter),
        ch: Type.Optional(Type.String({ pattern: "^[\\x20-\\x7e]{0,32}$" })),
        up: Type.Optional(counter),
        nOld: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, description: "Calls that still run old code" })),
        old: Type.Optional(
            Type.Array(Type.Array(Type.Number(), { minItems: 5, maxItems: 5 }), {
                maxItems: 16,
                description:
                    "The update ledger, as far as it fits: fiber, milliseconds since its code is old, function of the base or -1, and, for code of an image, its sequence and the function's number in it, else -1",
            }),
        ),
        fr: Type.Optional(Type.Number({ minimum: 0, description: "Issue time of the newest freshness statement that it has" })),
        rv: Type.Optional(Type.String({ maxLength: 8, description: "Which key it has revoked" })),
    },
    { description: "What the device runs and does: its actual state" },
)
export type PollBody = Static<typeof PollBody>

/** Lenient: a status that is refused is a diagnosis that is lost. */
export const StatusBody = Type.Object(
    {
        id: Type.Optional(
            Type.String({ maxLength: 64, description: "The command it speaks of; empty after a reboot that lost it" }),
        ),
        state,
        v: Type.Optional(Type.String({ maxLength: 64 })),
        seq: Type.Optional(u32),
        base: Type.Optional(Type.String({ pattern: BASE_ID_PATTERN })),
        bank: Type.Optional(bank),
        done: Type.Optional(u32),
        of: Type.Optional(u32),
        code: Type.Optional(Type.String({ maxLength: 128 })),
        diag: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    },
    { description: "A step of an update, its progress or its end" },
)
export type StatusBody = Static<typeof StatusBody>

export const LogBody = Type.Object(
    { lines: Type.Array(Type.String({ maxLength: 1_024 }), { minItems: 1, maxItems: LIMITS.logLinesPerRequest, description: `Cut after ${LIMITS.logLineChars} characters` }) },
    { description: "Lines of the device's log, oldest first" },
)
export type LogBody = Static<typeof LogBody>

export const EnrolBody = Type.Object({
    id: Type.String({ pattern: DEVICE_ID_PATTERN }),
    claim: Type.String({ minLength: 8, maxLength: 64 }),
})

export const HelloBody = Type.Object({ n: Type.String({ pattern: "^[0-9a-f]{32}$", description: "16 random bytes" }) })

export const BlobParams = Type.Object({ digest: Type.String({ pattern: DIGEST_PATTERN }) })

export const BlobQuery = Type.Object({
    offset: Type.Integer({ minimum: 0, default: 0 }),
    length: Type.Optional(Type.Integer({ minimum: 1 })),
})
