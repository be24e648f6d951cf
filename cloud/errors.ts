/** Turns whatever went wrong into a problem document. */
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify"
import type { Socket } from "node:net"
import { wordsOf } from "./ids.ts"
import { isDatabaseAway } from "./store/database-away.ts"
import { isDiskFull } from "./store/disk-full.ts"
import { PROBLEM_MEDIA_TYPE, PROBLEMS, Problem, problemDocument } from "./problems.ts"
import type { ProblemCode } from "./problems.ts"

const FRAMEWORK_CODES: Readonly<Record<string, ProblemCode>> = {
    FST_ERR_CTP_INVALID_JSON_BODY: "HOV_API_BAD_JSON",
    FST_ERR_CTP_EMPTY_JSON_BODY: "HOV_API_BAD_JSON",
    FST_ERR_CTP_BODY_TOO_LARGE: "HOV_API_BODY_TOO_LARGE",
    FST_ERR_CTP_INVALID_MEDIA_TYPE: "HOV_API_MEDIA_TYPE",
    FST_ERR_CTP_INVALID_CONTENT_LENGTH: "HOV_API_BAD_REQUEST",
    FST_ERR_BAD_URL: "HOV_API_BAD_ID",
    FST_ERR_MAX_PARAM_LENGTH: "HOV_API_BAD_ID",
    FST_ERR_VALIDATION: "HOV_API_BAD_FIELD",
}

const DISK_RETRY_S = 10

/** The problem that an error stands for; undefined when it is the server's own fault. */
export function toProblem(error: Error): Problem | undefined {
    if (error instanceof Problem) return error
    const { code, statusCode, validation, validationContext } = error as FastifyError
    if (validation !== undefined && validation.length > 0) {
        return new Problem("HOV_API_BAD_FIELD", toldOf(validation, validationContext ?? "request"))
    }
    const known = FRAMEWORK_CODES[code]
    if (known !== undefined) return new Problem(known, error.message)
    if (error instanceof SyntaxError && statusCode === 400) return new Problem("HOV_API_BAD_JSON", error.message)
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
        return new Problem("HOV_API_BAD_REQUEST", error.message)
    if (isDatabaseAway(error)) return new Problem("HOV_API_DATABASE", "the database cannot be reached at the moment", 1)
    if (isDiskFull(error)) return new Problem("HOV_API_DISK", "nothing can be written at the moment", DISK_RETRY_S)
    return undefined
}

/** What is wrong with a field, in words where a pattern would be a riddle. */
function toldOf(validation: NonNullable<FastifyError["validation"]>, where: string): string {
    const { instancePath, keyword, message, params } = validation[0]
    const { additionalProperty, pattern } = params as { additionalProperty?: string; pattern?: string }
    const field = `${where}${instancePath}`
    if (additionalProperty !== undefined) return `${field} has no field '${additionalProperty}'`
    const words = pattern === undefined ? undefined : wordsOf(pattern)
    if (words !== undefined) return `${field} must be ${words}`
    if (keyword !== "const") return `${field} ${message}`
    const allowed = validation.filter(error => error.keyword === "const" && error.instancePath === instancePath)
    return `${field} must be one of ${allowed.map(error => String((error.params as { allowedValue: unknown }).allowedValue)).join(", ")}`
}

export function sendProblem(error: Error, request: FastifyRequest, reply: FastifyReply): void {
    let problem = toProblem(error)
    if (problem === undefined) {
        request.log.error({ err: error, method: request.method, route: request.routeOptions.url }, "request failed")
        problem = new Problem("HOV_API_INTERNAL", "something went wrong on the server's side")
    }
    if (problem.retryAfterS !== undefined) reply.header("retry-after", String(problem.retryAfterS))
    if (problem.status === 401) reply.header("www-authenticate", "Bearer")
    const body = Buffer.from(JSON.stringify(problemDocument(problem.code, problem.message)))
    reply.code(problem.status).header("content-type", PROBLEM_MEDIA_TYPE).send(body)
}

/** Answers what is not HTTP at all, is too large, or comes too slowly, and hangs up. */
export function refuseClient(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === "ECONNRESET") {
        socket.destroy()
        return
    }
    const code: ProblemCode =
        error.code === "HPE_HEADER_OVERFLOW"
            ? "HOV_API_HEADERS_TOO_LARGE"
            : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
              ? "HOV_API_TIMEOUT"
              : "HOV_API_BAD_REQUEST"
    const body = JSON.stringify(problemDocument(code, "the connection is closed"))
    const { status, title } = PROBLEMS[code]
    socket.end(
        `HTTP/1.1 ${status} ${title}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
            `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
}
