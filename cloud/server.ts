/** The HTTP server without its routes: limits, errors, the API's description and its page. */
import swagger from "@fastify/swagger"
import swaggerUi from "@fastify/swagger-ui"
import type { FastifyBaseLogger, FastifyInstance } from "fastify"
import { fastify, LogController } from "fastify"
import type { Logger } from "pino"
import { refuseClient, sendProblem } from "./errors.ts"
import { LIMITS } from "./limits.ts"
import type { Timings } from "./options.ts"
import { PROBLEMS, Problem } from "./problems.ts"
import { validators } from "./validators.ts"

/** How often it is looked for clients that are too slow. */
const SLOW_LOOK_MS = 5_000
const SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
} as const

/** `/~TICKET/v1/…`: a device that another server sent here shows what it was given (cloud/handover). */
function withoutTicket(request: { url?: string; headers: Record<string, unknown> }): string {
    const url = request.url ?? "/"
    if (!url.startsWith("/~")) return url
    const end = url.indexOf("/", 2)
    if (end < 0) return url
    request.headers["x-handover-ticket"] = url.slice(2, end)
    return url.slice(end)
}

export async function createServer(log: Logger, { headersMs, requestMs }: Pick<Timings, "headersMs" | "requestMs">): Promise<FastifyInstance> {
    const app = fastify({
        loggerInstance: log as FastifyBaseLogger,
        logController: new LogController({ disableRequestLogging: true }),
        // A logger for each request costs as much as a route, and nothing is logged of most.
        childLoggerFactory: logger => logger,
        forceCloseConnections: true,
        // A request that comes while the server closes is the last of its connection, and is answered.
        return503OnClosing: false,
        bodyLimit: LIMITS.operatorBodyBytes,
        requestTimeout: requestMs,
        keepAliveTimeout: LIMITS.keepAliveTimeoutMs,
        http: { maxHeaderSize: LIMITS.headerBytes, headersTimeout: headersMs, connectionsCheckingInterval: Math.min(SLOW_LOOK_MS, headersMs / 2), requireHostHeader: false },
        routerOptions: { maxParamLength: 200 },
        clientErrorHandler: refuseClient,
        frameworkErrors: sendProblem,
        exposeHeadRoutes: false,
        rewriteUrl: withoutTicket,
    }) as unknown as FastifyInstance
    // JSON, and binary where an upload is expected: nothing else.
    app.removeContentTypeParser("text/plain")
    app.setValidatorCompiler(validators)
    app.setErrorHandler(sendProblem)
    app.setNotFoundHandler((request, reply) => {
        sendProblem(new Problem("HOV_API_ROUTE_UNKNOWN", `there is no ${request.method} ${request.url.split("?")[0]}`), request, reply)
    })
    // node's own refusal has no body
    app.addHook("onRequest", (request, _reply, done) => {
        if (request.raw.headers.host === undefined && request.raw.httpVersion === "1.1") done(new Problem("HOV_API_BAD_REQUEST", "an HTTP/1.1 request has a Host"))
        else done()
    })
    app.addHook("onSend", (request, reply, _payload, done) => {
        reply.headers(SECURITY_HEADERS)
        // The docs page brings its own policy, a page of ours sets the one it needs.
        if (!request.url.startsWith("/docs") && !reply.hasHeader("content-security-policy"))
            reply.header("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
        if (request.url.startsWith("/api/") && !reply.hasHeader("cache-control")) reply.header("cache-control", "no-store")
        done()
    })
    await app.register(swagger, {
        openapi: {
            openapi: "3.1.0",
            info: {
                title: "Handover cloud",
                version: "1",
                description:
                    "Tells DeviceScript boards what to run. Desired and actual state are separate records; " +
                    "the actual one only ever comes from the device. Errors are RFC 9457 problem documents " +
                    "with the codes listed at /problems.",
            },
            components: {
                securitySchemes: {
                    operator: { type: "http", scheme: "bearer", description: "A token of role admin, publisher, operator or viewer" },
                    device: { type: "http", scheme: "bearer", description: "The device's own token" },
                },
            },
            tags: [
                { name: "device", description: "What boards talk to" },
                { name: "devices", description: "Desired and actual state, commands, history" },
                { name: "releases", description: "Releases and their artifacts" },
                { name: "groups", description: "Sets of devices, by list or by filter" },
                { name: "rollouts", description: "A release on its way to many devices, in phases" },
                { name: "experiments", description: "Two releases side by side" },
                { name: "server", description: "Health, events, tokens, audit" },
            ],
        },
    })
    // All of the page's files come from this server.
    await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: true, uiConfig: { docExpansion: "list" } })
    app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger())
    app.get("/problems", { schema: { hide: true } }, async () => PROBLEMS)
    app.get("/problems/:code", { schema: { hide: true } }, async request => {
        const { code } = request.params as { code: string }
        if (!Object.hasOwn(PROBLEMS, code)) throw new Problem("HOV_API_ROUTE_UNKNOWN", "no problem has this code")
        return { code, ...PROBLEMS[code as keyof typeof PROBLEMS] }
    })
    return app
}
