/**
 * `POST /v1/dfu/{device}/poll?ct=SECONDS`: what the device is goes up, a command comes down.
 *
 * The server's busiest request. It runs no query when there is no news, and writes its
 * answer past the framework, with the few headers a board needs.
 */
import type { ServerResponse } from "node:http"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { Actual } from "../device-state.ts"
import type { HeldPoll, HeldPolls } from "../held-polls.ts"
import type { ActualWriter } from "./actual-writer.ts"
import type { PollBody } from "./schemas.ts"
import type { Seal } from "./seal.ts"
import type { Sessions } from "./sessions.ts"

export interface PollDependencies {
    readonly sessions: Sessions
    readonly held: HeldPolls
    readonly writer: ActualWriter
    readonly counters: { polls: number }
    readonly now: () => number
    /** Where the device is to go from now on, as a poll's answer. */
    readonly moveOf?: (deviceId: string) => string | null
}

export function pollHandler({ sessions, held, writer, counters, now, moveOf }: PollDependencies) {
    return (request: FastifyRequest, reply: FastifyReply): void => {
        counters.polls++
        const { session, seal } = request
        const said = request.body as PollBody
        session.extras.freshAt = said.fr
        session.extras.revoked = said.rv ?? ""
        writer.report(session, toActual(request.body as PollBody))
        reply.hijack()
        const { ct, leaving } = request.query as { ct: number; leaving?: number }
        const isLeaving = leaving === 1
        const body = sessions.take(session) ?? (isLeaving ? null : (moveOf?.(session.deviceId) ?? null))
        const holdMs = ct * 1000
        if (body !== null || holdMs === 0) {
            // A poll without waiting ends an older held one too: the device has moved on.
            held.end(session.deviceId, null)
            answer(reply.raw, body, seal)
            return
        }
        const poll = new Waiting(reply.raw, seal)
        // A command that was said before is said again when its time has come.
        const repeatMs = session.offer === null ? holdMs : Math.max(session.offer.nextAtMs - now(), 0)
        held.hold(session.deviceId, repeatMs === 0 ? holdMs : Math.min(holdMs, repeatMs), poll, isLeaving)
        // What it reported is taken: waiting here keeps nobody from taking the device over.
        if (isLeaving) request.leaveSession?.()
        reply.raw.once("close", () => held.drop(session.deviceId, poll))
    }
}

class Waiting implements HeldPoll {
    readonly #response: ServerResponse
    readonly #seal: Seal | null

    constructor(response: ServerResponse, seal: Seal | null) {
        this.#response = response
        this.#seal = seal
    }

    answer(body: string | null, last = false): void {
        if (last && !this.#response.headersSent) this.#response.setHeader("connection", "close")
        answer(this.#response, body, this.#seal)
    }
}

function answer(response: ServerResponse, body: string | null, seal: Seal | null): void {
    if (response.destroyed || response.headersSent) return
    if (seal !== null) {
        const sealed = seal.close(body === null ? 202 : 200, body ?? "")
        response.writeHead(200, { "content-length": sealed.length }).end(sealed)
    } else if (body === null) response.writeHead(202, { "content-length": 0 }).end()
    else
        response
            .writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
            .end(body)
}

function toActual(body: PollBody): Actual {
    return {
        version: body.v,
        sequence: body.seq,
        baseId: body.base,
        bank: body.bank,
        state: body.state,
        bootCount: body.boot ?? null,
        channel: body.ch ?? null,
        uptimeMs: body.up ?? null,
        ledger: body.old?.length ? JSON.stringify({ count: body.nOld ?? body.old.length, calls: body.old }) : null,
    }
}
