/** The operator API (`/api/v1`): what people, the CLI and the console talk to. */
import type { FastifyInstance } from "fastify"
import type { OperatorContext, TypedApp } from "./context.ts"
import { deviceRoutes } from "./devices.ts"
import { releaseRoutes } from "./releases.ts"
import { serverRoutes } from "./server-routes.ts"

export async function operatorApi(app: FastifyInstance, context: OperatorContext): Promise<void> {
    app.decorateRequest("principal", null as never)
    const typed = app as unknown as TypedApp
    await deviceRoutes(typed, context)
    await releaseRoutes(typed, context)
    await serverRoutes(typed, context)
}
