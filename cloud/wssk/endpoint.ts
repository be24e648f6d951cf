/**
 * `ws://…/wssk/{device}`: where the native cloud adapter of a board comes for a whole new base, and for the one
 * before when the new one does not confirm. A/B is kept here, because a board cannot hold two bases.
 *
 * | the cold command is | the board has | what it gets |
 * |---|---|---|
 * | open | anything but the new base | the new base |
 * | open | the new base | time: until `confirmMs` after the deploy; then the command is `rolledBack` |
 * | succeeded | | nothing |
 * | ended otherwise | anything but the base before | the base before |
 *
 * All of it follows from the store, so a server that starts again, or another process, goes on with it.
 */
import type { IncomingMessage, Server } from "node:http"
import { ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import type { Logger } from "pino"
import type { Tenure } from "../tenure.ts"
import { recordStatus } from "../device-api/status.ts"
import type { Sessions } from "../device-api/sessions.ts"
import { isFinal } from "../device-state.ts"
import { isLink } from "../handover/server/link-endpoint.ts"
import { isDeviceId } from "../ids.ts"
import type { Principals } from "../principals.ts"
import type { ServerSecret } from "../server-secret.ts"
import type { BlobStore } from "../store/blobs.ts"
import type { Store } from "../store/store.ts"
import { boardSeed, WsskChannel } from "./channel.ts"
import { coldCommand } from "./cold-command.ts"
import { Deploy, Wssk } from "./deploy.ts"
import { WebSocketPeer } from "./web-socket.ts"

export interface WsskOptions {
    readonly store: Store
    readonly blobs: BlobStore
    readonly sessions: Sessions
    readonly secret: ServerSecret
    readonly tenure: Tenure
    readonly principals: Principals
    readonly log: Logger
    readonly now: () => number
    readonly commandTimeoutMs: number
    readonly retryDelayMs: number
    /** From the end of a deploy to the new base's word that it is well. */
    readonly confirmMs: number
}

const PATH = /^\/wssk\/([^/?#]{1,64})$/
/** A board that does not prove its key, or stops in the middle of a deploy, is cut off: it comes again. */
const SILENCE_MS = 20_000
/** Deploys of one command that did not get it confirmed. */
const DEPLOYS_MAX = 12

interface Progress {
    deploys: number
    /** The new base is on the board, and has until then to confirm. */
    confirmByMs: number | null
    timer: NodeJS.Timeout | undefined
}

export class WsskEndpoint {
    readonly #options: WsskOptions
    readonly #byDevice = new Map<string, Visit>()
    readonly #progress = new Map<string, Progress>()
    #closed = false

    constructor(options: WsskOptions) {
        this.#options = options
    }

    listen(server: Server): void {
        server.on("upgrade", (request, socket, head) => {
            if (isLink(request)) return
            socket.on("error", () => socket.destroy())
            this.#upgrade(server, request, socket, head).catch(error => {
                this.#options.log.error({ err: error }, "wssk: a connection failed")
                socket.destroy()
            })
        })
    }

    get connections(): number {
        return this.#byDevice.size
    }

    close(): void {
        this.#closed = true
        for (const visit of this.#byDevice.values()) visit.end()
        for (const { timer } of this.#progress.values()) clearTimeout(timer)
    }

    async #upgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
        const device = PATH.exec(request.url ?? "")?.[1]
        if (device === undefined || request.headers.upgrade?.toLowerCase() !== "websocket") return answerPlainly(server, request, socket)
        const seed = boardSeed(request.headers["sec-websocket-protocol"])
        const who = `${request.socket.remoteAddress} ${device}`
        if (seed === undefined || !isDeviceId(device)) return refuse(socket, "400 Bad Request")
        if (this.#options.principals.guesses.waitS(who) > 0) return refuse(socket, "429 Too Many Requests")
        const { store, blobs, secret } = this.#options
        const cold = await coldCommand(store, blobs, device)
        // The same for a device that there is not: who has no key learns nothing.
        if (cold === undefined || this.#closed) return refuse(socket, "404 Not Found")
        const channel = new WsskChannel(secret.coldKey(device, cold.command.id), seed)
        WebSocketPeer.accept(request, socket, head, peer => {
            const visit = new Visit(peer, channel, SILENCE_MS, {
                proved: () => {
                    this.#byDevice.get(device)?.end()
                    this.#byDevice.set(device, visit)
                    void this.#serve(device, visit)
                },
                guessed: () => this.#options.principals.guesses.failed(who),
                ended: () => {
                    if (this.#byDevice.get(device) === visit) this.#byDevice.delete(device)
                },
            })
        })
    }

    /** Gives the board what it should have, and again when that changes. */
    async #serve(device: string, visit: Visit): Promise<void> {
        const { log } = this.#options
        try {
            while (visit.isOpen && !this.#closed) {
                const cold = await coldCommand(this.#options.store, this.#options.blobs, device)
                if (cold === undefined || cold.command.state === "succeeded") return
                const { command, image } = cold
                const goesBack = isFinal(command.state)
                const progress = this.#progressOf(command.id)
                if (!goesBack && progress.confirmByMs === null && ++progress.deploys > DEPLOYS_MAX) {
                    await this.#giveUp(device, command.id, "HOV_COLD_DEPLOYS")
                    continue
                }
                const deploy = new Deploy(goesBack ? image.previousProgram : image.program)
                const startMs = performance.now()
                await visit.carry(deploy)
                if (deploy.state === "failed") {
                    log.warn({ device, command: command.id, why: deploy.failure }, "wssk: a deploy failed")
                    if (!goesBack) await this.#giveUp(device, command.id, "HOV_COLD_REFUSED")
                    visit.end()
                    return
                }
                if (deploy.state !== "done") return
                log.info({ device, command: command.id, back: goesBack, there: deploy.wasThere, ms: Math.round(performance.now() - startMs) }, "wssk: the board has its base")
                if (goesBack) return
                await this.#waitForConfirmation(device, command.id, visit)
            }
        } catch (error) {
            log.error({ err: error, device }, "wssk: serving a board failed")
            visit.end()
        }
    }

    #progressOf(commandId: string): Progress {
        let progress = this.#progress.get(commandId)
        if (progress === undefined) {
            progress = { deploys: 0, confirmByMs: null, timer: undefined }
            this.#progress.set(commandId, progress)
        }
        return progress
    }

    /** Resolves when the command has ended, or the board has gone. */
    async #waitForConfirmation(device: string, commandId: string, visit: Visit): Promise<void> {
        const { store, now, confirmMs } = this.#options
        const progress = this.#progressOf(commandId)
        if (progress.confirmByMs === null) {
            progress.confirmByMs = now() + confirmMs
            // Also when the board is gone by then: a base that does not come back has not confirmed.
            progress.timer = setTimeout(() => void this.#judge(device, commandId), confirmMs)
            progress.timer.unref()
        }
        while (visit.isOpen && !this.#closed) {
            const command = await store.read.commands.get(commandId)
            if (command === undefined || isFinal(command.state)) return
            await visit.pause(Math.min(500, confirmMs / 4))
        }
    }

    /** The time to confirm is over. */
    async #judge(device: string, commandId: string): Promise<void> {
        try {
            const command = await this.#options.store.read.commands.get(commandId)
            if (command !== undefined && !isFinal(command.state)) await this.#giveUp(device, commandId, "HOV_COLD_UNCONFIRMED")
        } catch (error) {
            this.#options.log.error({ err: error, device }, "wssk: a base was not judged")
        } finally {
            this.#progress.delete(commandId)
        }
    }

    /** The base before is what the board gets from now on, and it is not offered this release by itself again. */
    async #giveUp(device: string, commandId: string, code: string): Promise<void> {
        const session = await this.#options.sessions.find(device)
        if (session === undefined) return
        await recordStatus(this.#options, session, { id: commandId, state: "rolledBack", code })
    }
}

interface VisitEvents {
    proved(): void
    guessed(): void
    ended(): void
}

/** One connection of a board, from its hello on. */
class Visit {
    readonly #peer: WebSocketPeer
    readonly #channel: WsskChannel
    #timer: NodeJS.Timeout
    #deploy: Deploy | undefined
    #wake: () => void = () => undefined
    isOpen = true

    constructor(peer: WebSocketPeer, channel: WsskChannel, silenceMs: number, events: VisitEvents) {
        this.#peer = peer
        this.#channel = channel
        this.#timer = setTimeout(() => this.end(), silenceMs)
        peer.onClose = () => {
            this.isOpen = false
            clearTimeout(this.#timer)
            events.ended()
            this.#wake()
        }
        peer.onMessage = message => {
            this.#timer.refresh()
            if (!channel.proved) {
                const proof = channel.prove(message)
                if (proof === undefined) {
                    events.guessed()
                    return this.end()
                }
                peer.send(proof)
                return events.proved()
            }
            const text = channel.open(message)
            // Nothing behind a wrong message can be read either.
            if (text === undefined) return this.end()
            if (text[0] === Wssk.pingCloud) return this.#send([Buffer.of(Wssk.pingCloud)])
            if (this.#deploy === undefined) return
            this.#send(this.#deploy.take(text).send)
            if (this.#deploy.state === "done" || this.#deploy.state === "failed") this.#wake()
        }
        peer.send(channel.hello)
    }

    /** Resolves when it is done, has failed, or the connection has ended before. */
    async carry(deploy: Deploy): Promise<void> {
        this.#deploy = deploy
        this.#send(deploy.start().send)
        while (this.isOpen && deploy.state !== "done" && deploy.state !== "failed") await new Promise<void>(resolve => (this.#wake = resolve))
        this.#deploy = undefined
    }

    /** Ends early when the connection does. Keeps the board's watchdog quiet meanwhile: it asks, and is answered. */
    async pause(ms: number): Promise<void> {
        let timer: NodeJS.Timeout | undefined
        await new Promise<void>(resolve => {
            this.#wake = resolve
            timer = setTimeout(resolve, ms)
        })
        clearTimeout(timer)
    }

    end(): void {
        this.#peer.close()
    }

    #send(messages: readonly Uint8Array[]): void {
        if (messages.length > 0) this.#peer.sendAll(messages.map(message => this.#channel.seal(message)))
    }
}

function refuse(socket: Duplex, status: string): void {
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
}

/** A client that offers another protocol (curl --http2) gets the answer that it would get without. */
function answerPlainly(server: Server, request: IncomingMessage, socket: Duplex): void {
    if (request.method !== "GET" && request.method !== "HEAD") {
        refuse(socket, "426 Upgrade Required")
        return
    }
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as never)
    response.on("finish", () => socket.end())
    server.emit("request", request, response)
}
