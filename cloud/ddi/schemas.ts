/** DDI v1 bodies, as hawkBit's clients send them; fields that are not needed here are not looked at. */
import { Type } from "@sinclair/typebox"
import { EXECUTIONS, RESULTS } from "./feedback.ts"

const literals = <T extends string>(names: readonly T[]) => Type.Union(names.map(name => Type.Literal(name)))
const Text = Type.String({ maxLength: 2_000 })

export const Target = Type.Object({ tenant: Type.String({ maxLength: 32 }), device: Type.String({ maxLength: 64 }) })
export const Action = Type.Intersect([Target, Type.Object({ action: Type.Integer({ minimum: 1, maximum: 0x7fffffff }) })])
export const ArtifactParams = Type.Intersect([Action, Type.Object({ filename: Type.String({ maxLength: 140 }) })])

export const FeedbackBody = Type.Object({
    status: Type.Object({
        execution: literals(EXECUTIONS),
        result: Type.Optional(
            Type.Object({
                finished: Type.Optional(literals(RESULTS)),
                progress: Type.Optional(
                    Type.Object({ cnt: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffffffff })), of: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffffffff })) }),
                ),
            }),
        ),
        code: Type.Optional(Type.Integer()),
        details: Type.Optional(Type.Union([Type.Array(Text, { maxItems: 200 }), Text, Type.Null()])),
    }),
})

export const MODES = ["merge", "replace", "remove"] as const

export const ConfigBody = Type.Object({
    mode: Type.Optional(Type.Union([...MODES.map(mode => Type.Literal(mode)), Type.Null()])),
    data: Type.Record(Type.String(), Type.Union([Type.String({ maxLength: 2_000 }), Type.Number(), Type.Boolean(), Type.Null()])),
})
