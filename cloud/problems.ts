/**
 * The one catalogue of what the cloud refuses, and why (RFC 9457 problem documents).
 * A code is stable: clients and boards may act on it. `help` says what to do next.
 */
interface Entry {
    readonly status: number
    readonly title: string
    readonly help: string
}

export const PROBLEMS = {
    HOV_API_BAD_JSON: entry(400, "The body is not valid JSON", "Send one JSON object encoded in UTF-8."),
    HOV_API_BAD_FIELD: entry(400, "A field is missing, unknown or out of range", "Compare the request with /docs."),
    HOV_API_BAD_ID: entry(400, "The id has characters that no id has", "Use letters, digits, '.', '_' and '-'."),
    HOV_API_BAD_REQUEST: entry(400, "The request is not well-formed HTTP", "Send HTTP/1.1."),
    HOV_API_BAD_FILTER: entry(400, "The filter cannot be read", "See the filter's grammar under /docs."),
    HOV_API_TOKEN_MISSING: entry(401, "No token", "Send 'Authorization: Bearer <token>'."),
    HOV_API_TOKEN_WRONG: entry(401, "The token is not valid here", "Use the token this id was given, or make a new one."),
    HOV_API_SEAL: entry(401, "The sealed request cannot be opened", "Begin a new session with POST /v1/dfu/{device}/hello."),
    HOV_API_SEAL_REQUIRED: entry(401, "The device has a key and must seal its requests", "Set hKey on the device, or give it a new claim code without a key."),
    HOV_API_CLAIM: entry(401, "The claim code is not valid", "Make a new one with POST /api/v1/claims."),
    HOV_API_LOCKED_OUT: entry(429, "Too many wrong tokens", "Wait as long as Retry-After says, then use the right token."),
    HOV_API_ROLE: entry(403, "The token's role may not do this", "Ask an admin for a token with the role named in the detail."),
    HOV_API_ROUTE_UNKNOWN: entry(404, "No such address", "The addresses are listed under /docs."),
    HOV_API_DEVICE_UNKNOWN: entry(404, "No such device", "Add it with POST /api/v1/devices."),
    HOV_API_RELEASE_UNKNOWN: entry(404, "No such release", "Add it with POST /api/v1/releases, then upload its artifacts."),
    HOV_API_BLOB_UNKNOWN: entry(404, "No such blob", "Take the digest from the command; it may have been removed."),
    HOV_API_COMMAND_UNKNOWN: entry(404, "No such command", "List the device's commands."),
    HOV_DDI_TENANT_UNKNOWN: entry(404, "No such tenant", "Tenants are named in HANDOVER_DDI."),
    HOV_DDI_ACTION_UNKNOWN: entry(404, "No such action of this device", "Poll again and follow the link in the answer."),
    HOV_DDI_ACTION_OVER: entry(410, "The action is over", "Poll again."),
    HOV_DDI_NOT_DDI: entry(409, "This device is a board that speaks the device API", "Use another id for the DDI device."),
    HOV_API_TOKEN_UNKNOWN: entry(404, "No such token", "List the tokens with GET /api/v1/tokens."),
    HOV_API_GROUP_UNKNOWN: entry(404, "No such group", "List the groups with GET /api/v1/groups."),
    HOV_API_ROLLOUT_UNKNOWN: entry(404, "No such rollout", "List the rollouts with GET /api/v1/rollouts."),
    HOV_API_EXPERIMENT_UNKNOWN: entry(404, "No such experiment", "List the experiments with GET /api/v1/experiments."),
    HOV_API_WEBHOOK_UNKNOWN: entry(404, "No such webhook", "List the webhooks with GET /api/v1/webhooks."),
    HOV_API_DEVICE_EXISTS: entry(409, "The device exists already", "Use it, or choose another id."),
    HOV_API_RELEASE_EXISTS: entry(409, "The release exists already", "A release does not change: publish a new version."),
    HOV_API_RELEASE_AMBIGUOUS: entry(409, "More than one app has this version", "Name the release as app@version."),
    HOV_API_ARTIFACT_EXISTS: entry(409, "The release has another artifact for this base", "Publish a new version."),
    HOV_API_NO_ARTIFACT: entry(409, "The release has no artifact for the device's base", "Build the release for this base and upload it."),
    HOV_API_NO_PERMISSION: entry(409, "The device has run a later sequence, and the signer does not allow the way back", "Sign the artifact again with --allow-downgrade and upload it, or ask for release 'base'."),
    HOV_API_GROUP_EXISTS: entry(409, "The group exists already", "Change it with PUT, or choose another name."),
    HOV_API_TOKEN_EXISTS: entry(409, "The token is in use already", "Let the server make the token."),
    HOV_API_COMMAND_ACTIVE: entry(409, "A command for this device is under way", "Wait for it, or cancel it."),
    HOV_API_NOT_ACTIVE: entry(409, "Nothing is under way", "There is no command to cancel."),
    HOV_API_ROLLOUT_STATE: entry(409, "The rollout's state does not allow this", "See its state and what is allowed in the detail."),
    HOV_API_BODY_TOO_LARGE: entry(413, "The body is too large", "The limits are listed under /docs."),
    HOV_API_MEDIA_TYPE: entry(415, "The body's type is not the one expected", "JSON for requests, application/octet-stream for artifacts."),
    HOV_API_RANGE: entry(416, "The range is outside of the blob", "Ask for offset + length within the size in the command."),
    HOV_API_ARTIFACT_BAD: entry(422, "The artifact cannot be taken", "Build and sign it again; the detail says what is wrong."),
    HOV_API_ARTIFACT_VERSION: entry(422, "The artifact is of another version", "Upload it to the release that its manifest names."),
    HOV_API_HANDOVER_STATE: entry(409, "The handover's state does not allow this", "See GET /api/v1/server/handover."),
    HOV_API_HANDOVER_NEXT: entry(502, "The other server cannot take over", "The detail has its answer; check its address and the token."),
    HOV_API_DEVICE_ELSEWHERE: entry(503, "The device is another server's", "Send it again: nothing of it was written, and this server hands it on by then."),
    HOV_API_HANDOVER_INSECURE: entry(400, "The two servers would talk over plain http", "Name both by https (--public-url), or say that the network between them is your own: --insecure ({insecure: true})."),
    HOV_API_HANDOVER_ADDRESS: entry(409, "That is not this server's address", "Hand over to the address that the other server has as --public-url."),
    HOV_API_HANDOVER_TOKEN: entry(409, "The other server does not know how to prove who it is", "If it is the other server, of a version that wants to be told the token itself: --tell-token ({tellToken: true})."),
    HOV_API_HANDOVER_VERSION: entry(409, "The two servers have no version of the handover's protocol in common", "Go by a version in between: the detail names what each speaks."),
    HOV_API_HANDOVER_AWAY: entry(503, "The other server of the handover cannot be asked", "Try again, or abort at the other server; only if that one has ended for good, abort here with force."),
    HOV_API_RATE: entry(429, "Too many requests", "Wait as long as Retry-After says."),
    HOV_API_LISTENERS: entry(429, "Too many event listeners", "Close one, or try again later."),
    HOV_API_HEADERS_TOO_LARGE: entry(431, "The headers are too large", "Send at most 8 KB of headers."),
    HOV_API_TIMEOUT: entry(408, "The request took too long to arrive", "Send it in one go."),
    HOV_API_INTERNAL: entry(500, "The server failed", "Try again; the server's log has the cause."),
    HOV_API_HAWKBIT_AWAY: entry(503, "hawkBit does not answer", "Try again; /healthz says since when it is away."),
    HOV_API_DATABASE: entry(503, "The database cannot be reached", "Try again as Retry-After says; the server connects again by itself."),
    HOV_API_DISK: entry(503, "The server's disk is full", "Make room on it; the server goes on by itself, and whoever has asked asks again."),
    HOV_API_CLOSING: entry(503, "The server is closing", "Try again in a moment."),
} as const

export type ProblemCode = keyof typeof PROBLEMS

export const PROBLEM_MEDIA_TYPE = "application/problem+json"

/** Thrown by handlers; the server turns it into a problem document. */
export class Problem extends Error {
    readonly code: ProblemCode
    readonly status: number
    /** Seconds for the `Retry-After` header. */
    readonly retryAfterS: number | undefined

    constructor(code: ProblemCode, detail: string, retryAfterS?: number) {
        super(detail)
        this.name = "Problem"
        this.code = code
        this.status = PROBLEMS[code].status
        this.retryAfterS = retryAfterS
    }
}

export interface ProblemDocument {
    readonly type: string
    readonly title: string
    readonly status: number
    readonly detail: string
    readonly code: ProblemCode
    readonly help: string
}

/** Text from outside may be in a detail; it is cut so that a document stays below 2 KB. */
const DETAIL_MAX_CHARS = 600

export function problemDocument(code: ProblemCode, detail: string): ProblemDocument {
    const { status, title, help } = PROBLEMS[code]
    return { type: `/problems/${code}`, title, status, detail: detail.slice(0, DETAIL_MAX_CHARS), code, help }
}

function entry(status: number, title: string, help: string): Entry {
    return { status, title, help }
}
