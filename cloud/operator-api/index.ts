/** The operator API (`/api/v1`): what people, the CLI and the console talk to. */
import type { FastifyInstance, FastifyRequest } from "fastify"
import { Problem } from "../problems.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { claimRoutes } from "./claims.ts"
import { deviceCommandRoutes } from "./device-commands.ts"
import { deviceLogRoutes } from "./device-log.ts"
import { deviceRoutes } from "./devices.ts"
import { experimentRoutes } from "./experiments.ts"
import { exportRoutes } from "./export.ts"
import { fileRoutes } from "./files.ts"
import { fleetRoutes } from "./fleet.ts"
import { groupRoutes } from "./groups.ts"
import { releaseContentsRoutes } from "./release-contents.ts"
import { releaseRoutes } from "./releases.ts"
import { rolloutPreviewRoutes } from "./rollout-preview.ts"
import { rolloutRoutes } from "./rollouts.ts"
import { strict } from "./schemas.ts"
import { serverRoutes } from "./server-routes.ts"
import { statementRoutes } from "./statements.ts"
import { uploadRoutes } from "./uploads.ts"
import { webhookRoutes } from "./webhooks.ts"

export async function operatorApi(app: FastifyInstance, context: OperatorContext): Promise<void> {
    app.decorateRequest("principal", null as never)
    // What a route does not ask for is refused: a mistyped field would change nothing, and nobody would be told.
    app.addHook("onRoute", route => {
        const { schema = {} } = route
        route.schema = { querystring: strict({}), ...schema }
        if (schema.body !== undefined || (schema as { consumes?: string[] }).consumes !== undefined) return
        route.preValidation = [...[route.preValidation ?? []].flat(), withoutBody] as typeof route.preValidation
    })
    const typed = app as unknown as TypedApp
    await deviceRoutes(typed, context)
    await deviceCommandRoutes(typed, context)
    await deviceLogRoutes(typed, context)
    await fleetRoutes(typed, context)
    await releaseRoutes(typed, context)
    await releaseContentsRoutes(typed, context)
    await uploadRoutes(typed, context)
    await fileRoutes(typed, context)
    await groupRoutes(typed, context)
    await rolloutRoutes(typed, context)
    await rolloutPreviewRoutes(typed, context)
    await experimentRoutes(typed, context)
    await serverRoutes(typed, context)
    await exportRoutes(typed, context)
    await webhookRoutes(typed, context)
    await claimRoutes(typed, context)
    await statementRoutes(typed, context)
}

async function withoutBody({ body }: FastifyRequest): Promise<void> {
    if (body === undefined || body === null) return
    const [field] = typeof body === "object" && !Buffer.isBuffer(body) ? Object.keys(body) : ["a body"]
    if (field !== undefined) throw new Problem("HOV_API_BAD_FIELD", `body has no field '${field}': this takes none`)
}
