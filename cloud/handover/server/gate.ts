/**
 * Asks, before anything else looks at a request, whether it is for this server: a
 * device's while its session moves, an operator's when it is about a device that has
 * moved, and everything once the handover is over.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import type { Admission } from "../home.ts"
import type { Principals } from "../../principals.ts"
import { bearerToken } from "../../tokens.ts"
import { forward, HOP_HEADER } from "./proxy.ts"
import type { ServerHandover } from "./server-handover.ts"

declare module "fastify" {
    interface FastifyRequest {
        /** Ends the request's part in its device's session before the answer does: nothing more will be written for it. */
        leaveSession?: (() => void) | null
        /** The epoch since which its device is this server's; null = since before a handover, or there is none. */
        since?: number | null
    }
}

const DDI = /^\/[A-Za-z0-9][\w-]{0,31}\/controller\/v1\/([^/?]+)/
const EVENTS = /^\/api\/v1\/events(?:\?|$)/
const ENROL = /^\/v1\/enrol(?:\?|$)/
const DEVICE = /^\/v1\/dfu\/([^/?]+)\/(\w+)/
const OPERATOR = /^\/api\/v1\/(?!server\/handover)(?:devices\/([^/?]+))?/
const BATCH = "batch"

export function addGate(app: FastifyInstance, handover: ServerHandover, principals: Principals): void {
    app.decorateRequest("leaveSession", null)
    app.decorateRequest("since", null)
    // A large file that is read slowly is no change that a handover would have to wait for.
    app.addHook("onSend", (request, _reply, _payload, done) => {
        // The documentation's routes are older than the decoration: their requests do not have it at all.
        if (request.method === "GET" || request.method === "HEAD") request.leaveSession?.()
        done()
    })
    app.addHook("onRequest", (request, reply, done) => {
        if (handover.idle) return done()
        const url = request.raw.url ?? "/"
        const device = DEVICE.exec(url)
        if (device !== null) return deviceRequest(handover, request, reply, device[1], device[2] === "poll", done)
        if (OPERATOR.test(url)) return void operatorArrives(handover, request, reply, done)
        const ddi = DDI.exec(url)
        if (ddi !== null) return void onDevice(handover, request, reply, ddi[1], handover.directions.isHandedOn(request.raw.headers[HOP_HEADER]), done)
        if (url.startsWith("/v1/blobs/")) return void blobRequest(handover, principals, request, reply, done)
        done()
    })
    app.addHook("preHandler", (request, reply, done) => {
        if (handover.idle) return done()
        const url = request.raw.url ?? "/"
        if (ENROL.test(url)) return void enrolment(handover, request, reply, done)
        const operator = OPERATOR.exec(url)
        if (operator === null) return done()
        void operatorRequest(handover, request, reply, operator[1], done)
    })
}

/** Both servers have the blobs; a device's token is where its session is, or on its way there. */
async function blobRequest(handover: ServerHandover, principals: Principals, request: FastifyRequest, reply: FastifyReply, done: () => void): Promise<void> {
    const token = bearerToken(request.headers.authorization)
    const { peer } = handover
    if (token === undefined || peer === null || handover.directions.isHandedOn(request.raw.headers[HOP_HEADER]) || (await principals.find(token)) !== undefined) return done()
    forward(peer, request, reply)
}

function deviceRequest(handover: ServerHandover, request: FastifyRequest, reply: FastifyReply, device: string, isPoll: boolean, done: (error?: Error) => void): void {
    const here = handover.home.tryEnter(device)
    if (here !== undefined) return place(handover, here, request, reply, isPoll, false, done)
    const ticket = request.raw.headers["x-handover-ticket"]
    const epoch = handover.directions.ticketEpoch(device, typeof ticket === "string" ? ticket : undefined)
    const isHandedOn = handover.directions.isHandedOn(request.raw.headers[HOP_HEADER])
    // Without a ticket, or the other server's word, nobody makes this server ask for a session: who it is from is not known yet.
    const attach = epoch === null && !isHandedOn ? null : { epoch }
    const enter = (): void => handover.home.enter(device, attach, admission => place(handover, admission, request, reply, isPoll, isHandedOn, done))
    if (attach !== null || handover.home.isHere(device)) return enter()
    handover.adopt(device).then(enter, done)
}

function place(handover: ServerHandover, admission: Admission, request: FastifyRequest, reply: FastifyReply, isPoll: boolean, isHandedOn: boolean, done: () => void): void {
    if (admission.kind === "here") {
        if (reply.raw.destroyed) return admission.leave()
        stay(admission, request, reply)
        return done()
    }
    const { peer } = handover
    if (peer === null) return done()
    const body = handover.directions.elsewhere()
    if (admission.kind === "back" || isHandedOn) {
        reply.hijack()
        if (admission.kind === "back" && isPoll) {
            reply.raw.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body)
        } else reply.raw.writeHead(503, { "retry-after": "1", "content-length": 0 }).end()
        request.raw.resume()
        return
    }
    // A sealed poll has to be answered by whom it can open; that is the other server.
    if (!isPoll || request.raw.headers.authorization?.startsWith("Bearer ") !== true) return forward(peer, request, reply)
    reply.hijack()
    request.raw.resume()
    reply.raw.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body)
}

/** Before its body is read: one that is for the other server alone goes there as it comes. */
async function operatorArrives(handover: ServerHandover, request: FastifyRequest, reply: FastifyReply, done: () => void): Promise<void> {
    if (handover.directions.isHandedOn(request.raw.headers[HOP_HEADER])) return done()
    const { resting, arrival } = handover.operators
    await resting.passed
    if (handover.peer !== null && handover.isOver) return forward(handover.peer, request, reply)
    if (arrival.passed !== null && request.raw.headers["last-event-id"] !== undefined && EVENTS.test(request.raw.url ?? "")) {
        // A listener of current that is here already: what it has seen last has a place here only at the end.
        await arrival.passed
        if (reply.raw.destroyed) return void reply.hijack()
    }
    done()
}

/** With its body here, which may have taken longer than the handover: what it changes is changed at one of the two, and moves. */
async function operatorRequest(handover: ServerHandover, request: FastifyRequest, reply: FastifyReply, device: string | undefined, done: () => void): Promise<void> {
    const { peer } = handover
    const isHandedOn = handover.directions.isHandedOn(request.raw.headers[HOP_HEADER])
    while (!isHandedOn && handover.operators.resting.passed !== null) await handover.operators.resting.passed
    if (peer !== null && handover.isOver && !isHandedOn) return forward(peer, request, reply)
    if (request.method !== "GET") reply.raw.once("close", handover.operators.begun())
    if (device === undefined || device === BATCH) return done()
    await onDevice(handover, request, reply, device, isHandedOn, done)
}

/** A claim is where everything is that is not a device's; of a device that is elsewhere the handler knows. */
async function enrolment(handover: ServerHandover, request: FastifyRequest, reply: FastifyReply, done: () => void): Promise<void> {
    // Also when next has handed it on: it goes back to it then.
    while (handover.operators.resting.passed !== null) await handover.operators.resting.passed
    const { peer } = handover
    const isNotHere = handover.isOver || (handover.isGettingRest && !handover.directions.isHandedOn(request.raw.headers[HOP_HEADER]))
    if (peer !== null && isNotHere) return forward(peer, request, reply)
    reply.raw.once("close", handover.operators.begun())
    done()
}

/** A request about a device from somebody who stays where he is: it is handed on to the server that has the device. */
async function onDevice(handover: ServerHandover, request: FastifyRequest, reply: FastifyReply, device: string, isHandedOn: boolean, done: () => void): Promise<void> {
    const { peer } = handover
    await handover.adopt(device)
    // The other server's word is faster than the device's state, which is on its way.
    handover.home.enter(device, isHandedOn ? { epoch: null } : null, admission => {
        if (admission.kind === "there" && !isHandedOn && peer !== null) return forward(peer, request, reply)
        if (admission.kind === "here") stay(admission, request, reply)
        done()
    })
}

function stay({ leave, since }: Extract<Admission, { kind: "here" }>, request: FastifyRequest, reply: FastifyReply): void {
    request.since = since
    request.leaveSession = leave
    reply.raw.once("close", leave)
}
