/**
 * A game server that players reach by WebSocket, and that is replaced by another one while they play: the
 * protocol of cloud/handover, its messages as HTTP requests, what it must not forget in one file.
 *
 *   HANDOVER_KEY=… npx tsx examples/session-handover/play-server.ts current.journal 8081
 *   HANDOVER_KEY=… npx tsx examples/session-handover/play-server.ts next.journal 8082
 *   curl -X POST -H "authorization: $HANDOVER_KEY" "http://127.0.0.1:8081/hand-over?to=http://127.0.0.1:8082"
 *
 * Either may be killed at any moment and started again with its file. `…/progress` tells how far it is.
 */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { pathToFileURL } from "node:url"
import { WebSocket, WebSocketServer } from "ws"
import { Arriving } from "../../cloud/handover/arriving.ts"
import { type Admission, Home } from "../../cloud/handover/home.ts"
import { Leaving } from "../../cloud/handover/leaving.ts"
import type { Message } from "../../cloud/handover/messages.ts"
import type { Plan } from "../../cloud/handover/store.ts"
import { readTicket, signTicket } from "../../cloud/handover/ticket.ts"
import { Journal } from "./journal.ts"
import { type FromPlayer, type FromServer, happened, MESSAGE_MAX_BYTES, NEW_PLAYER, type Player, seenUpTo, welcomeOf } from "./words.ts"

const TICK_MS = 10
const WORLD_MS = 25
const TICKET_S = 30
/** The other server answered so long ago at most: players may be sent to it. */
const THERE_MS = 500
const PEER_MS = 500
const webSockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: MESSAGE_MAX_BYTES })
const PLAY = /^\/play\/([\w-]{1,32})(?:\?ticket=([\w.-]+))?$/

export interface PlayServerOptions {
    readonly file: string
    readonly port: number
    /** Known to both servers, and to who may have one replace the other. */
    readonly key: string
    readonly offersPerS?: number
}

export class PlayServer {
    readonly #options: PlayServerOptions
    readonly #store: Journal<Player>
    readonly #home: Home<Player>
    readonly #arriving: Arriving<Player>
    #leaving: Leaving<Player> | undefined
    readonly #connections = new Map<string, WebSocket>()
    readonly #server: Server
    #waiting: Message<Player>[] = []
    #heardAtMs = Number.NEGATIVE_INFINITY
    url = ""

    /** Each server calls itself "me" and the other one "other": there are two. */
    private constructor(options: PlayServerOptions) {
        this.#options = options
        this.#store = new Journal<Player>(options.file, "me", "other")
        this.#home = new Home<Player>({
            me: "me",
            store: this.#store,
            shared: false,
            now: Date.now,
            send: message => this.#send(message),
            capture: (player, done) => done(this.#store.snapshot(player)),
            onOwner: (player, here) => {
                if (!here) this.#tell(player, { kind: "go", url: this.#elsewhere(player) })
            },
        })
        for (const [player, record] of this.#store.records()) this.#home.load(player, record)
        const { plan } = this.#store
        this.#arriving = new Arriving<Player>({
            home: this.#home,
            store: this.#store,
            plan: plan?.role === "next" ? plan : null,
            send: message => this.#send(message),
            refusal: () => null,
            takeOver: done => done(),
            // What it gave away before comes back.
            onPhase: phase => {
                if (phase === "moving") this.#leaving = undefined
            },
        })
        if (plan?.role === "current") this.#leave(plan)
        this.#server = createServer((asked, answer) => this.#answer(asked, answer))
        this.#server.on("upgrade", (asked, socket, head) => this.#join(asked, socket, head))
        setInterval(() => this.#tick(), TICK_MS).unref()
        setInterval(() => this.#world(), WORLD_MS).unref()
    }

    static async open(options: PlayServerOptions): Promise<PlayServer> {
        const opened = new PlayServer(options)
        await new Promise<void>(resolve => opened.#server.listen(options.port, "127.0.0.1", resolve))
        opened.url = `http://127.0.0.1:${(opened.#server.address() as AddressInfo).port}`
        return opened
    }

    get progress(): { role: string | null; phase: string | null; here: number; players: number } {
        let here = 0
        let players = 0
        for (const [player] of this.#home.sessions()) {
            players++
            if (this.#home.isHere(player)) here++
        }
        const role = this.#leaving !== undefined ? "current" : this.#arriving.phase !== null ? "next" : null
        return { role, phase: this.#leaving?.phase ?? this.#arriving.phase, here, players }
    }

    #leave(plan: Plan): void {
        this.#leaving = new Leaving<Player>({
            ...plan,
            home: this.#home,
            store: this.#store,
            offersPerS: this.#options.offersPerS ?? 20,
            offerMs: 2_000,
            retryMs: 100,
            copying: {
                roundsMax: 3,
                sessionsPerCopy: 16,
                dirtyMax: 2,
                perS: () => 1_000,
                read: (players, done) => done(players.map(session => ({ session, snapshot: this.#store.snapshot(session) }))),
                changed: copied => [...copied].filter(([player, version]) => this.#store.snapshot(player).version !== version).map(([player]) => player),
            },
            now: Date.now,
            send: message => this.#send(message),
            tellClient: (player, epoch) => this.#tell(player, { kind: "move", url: this.#elsewhere(player, epoch) }),
            isConnected: player => this.#connections.has(player),
            mayOffer: () => Date.now() < this.#heardAtMs + THERE_MS,
            rest: done => done(),
        })
    }

    #elsewhere(player: string, epoch?: number): string {
        const ticket = epoch === undefined ? "" : `?ticket=${signTicket(this.#options.key, player, { epoch, untilS: Math.ceil(Date.now() / 1000) + TICKET_S })}`
        return `${this.#store.peer}/play/${player}${ticket}`
    }

    #tick(): void {
        this.#home.tick()
        this.#leaving?.tick()
        if (this.#waiting.length === 0 || this.#store.peer === null) return
        const messages = this.#waiting
        this.#waiting = []
        this.#post(this.#store.peer, JSON.stringify({ from: this.url, messages }))
    }

    /** What does not arrive is said again by the protocol itself. */
    #send(message: Message<Player>): void {
        this.#waiting.push(message)
    }

    #post(to: string, text: string): void {
        const sent = request(`${to}/peer`, { method: "POST", agent: false, timeout: PEER_MS, headers: { authorization: this.#options.key, "content-length": Buffer.byteLength(text) } }, answer => {
            answer.resume()
            if (answer.statusCode === 204) this.#heardAtMs = Date.now()
        })
        sent.on("timeout", () => sent.destroy())
        sent.on("error", () => {})
        sent.end(text)
    }

    async #answer(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
        const { pathname, searchParams } = new URL(asked.url ?? "/", "http://here")
        if (pathname === "/progress") return void answer.end(JSON.stringify(this.progress))
        if (asked.headers.authorization !== this.#options.key) return void answer.writeHead(401).end()
        let text = ""
        for await (const part of asked) text += part
        if (pathname === "/hand-over") {
            const to = searchParams.get("to") ?? ""
            if (asked.method !== "POST" || !/^https?:\/\//.test(to) || !URL.canParse(to)) return void answer.writeHead(400).end("POST /hand-over?to=http://HOST:PORT\n")
            this.#begin(to)
        } else if (pathname === "/peer") this.#receive(JSON.parse(text))
        else return void answer.writeHead(404).end()
        answer.writeHead(204).end()
    }

    #begin(to: string): void {
        this.#store.keepPeer(to)
        const plan: Plan = { handover: `game-${Date.now().toString(36)}`, role: "current", key: this.#options.key, phase: "preparing" }
        this.#store.savePlan(plan, () => this.#leave(plan))
    }

    #receive({ from, messages }: { from: string; messages: Message<Player>[] }): void {
        this.#store.keepPeer(from)
        this.#heardAtMs = Date.now()
        for (const message of messages) {
            if ("session" in message) this.#home.receive(message)
            else {
                this.#leaving?.receive(message)
                this.#arriving.receive(message)
            }
        }
    }

    /** A player, new or known, or one whom the other server has sent here: for that one this server asks. */
    #join(asked: IncomingMessage, socket: Duplex, head: Buffer): void {
        const match = PLAY.exec(asked.url ?? "")
        if (match === null) return void socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        webSockets.handleUpgrade(asked, socket, head, connection => this.#admit(connection, match[1], match[2]))
    }

    #admit(connection: WebSocket, player: string, shown: string | undefined): void {
        connection.on("error", () => connection.terminate())
        const ticket = shown === undefined ? undefined : readTicket(this.#options.key, player, shown, Date.now())
        if (this.#home.state(player).at === "absent" && this.#takesNew) this.#home.load(player, this.#store.add(player, NEW_PLAYER))
        this.#home.enter(player, ticket === undefined ? null : { epoch: ticket.epoch }, admission => {
            if (admission.kind === "here") this.#serve(player, connection, admission)
            else if (admission.kind === "there") say(connection, { kind: "go", url: this.#elsewhere(player) })
            // It could not be had: the player has its place at the other server still.
            else connection.close()
        })
    }

    /** Players who are at no server yet: next has all that there are at the end, and current until then. */
    get #takesNew(): boolean {
        const { role, phase } = this.progress
        return role === "next" ? phase === "done" : phase !== "finishing" && phase !== "done"
    }

    #serve(player: string, connection: WebSocket, admission: Extract<Admission, { kind: "here" }>): void {
        this.#connections.get(player)?.close()
        this.#connections.set(player, connection)
        connection.on("close", () => {
            if (this.#connections.get(player) === connection) this.#connections.delete(player)
        })
        connection.on("message", message => {
            if (connection.readyState === WebSocket.OPEN) this.#hear(player, JSON.parse(String(message)))
        })
        const body = this.#store.snapshot(player).body ?? NEW_PLAYER
        admission.leave()
        say(connection, welcomeOf(body))
        for (const event of body.events) say(connection, { kind: "event", event })
    }

    #hear(player: string, { step, dx, seen }: FromPlayer): void {
        this.#home.enter(player, null, admission => {
            if (admission.kind !== "here") return this.#tell(player, { kind: "go", url: this.#elsewhere(player) })
            this.#change(player, admission, body => {
                const rest = seenUpTo(body, seen)
                return step === body.step + 1 ? happened(rest, "player", dx) : rest
            })
        })
    }

    /** The server does something by itself, too: that must not be lost on the way either. */
    #world(): void {
        for (const player of this.#connections.keys()) {
            const admission = this.#home.tryEnter(player)
            if (admission !== undefined) this.#change(player, admission, body => happened(body, "world", 1))
        }
    }

    #change(player: string, { epoch, leave }: Extract<Admission, { kind: "here" }>, change: (body: Player) => Player): void {
        const before = this.#store.snapshot(player).body?.lastEvent
        const after = this.#store.write(player, epoch, change)
        leave()
        const event = after.events.at(-1)
        if (event !== undefined && after.lastEvent !== before) this.#tell(player, { kind: "event", event })
    }

    #tell(player: string, message: FromServer): void {
        const connection = this.#connections.get(player)
        if (connection !== undefined) say(connection, message)
    }
}

const say = (connection: WebSocket, message: FromServer): void => connection.send(JSON.stringify(message))

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
    const [file = "game.journal", port = "0"] = process.argv.slice(2)
    const key = process.env.HANDOVER_KEY
    if (!key) throw new Error("HANDOVER_KEY is not set: any secret, the same for both servers")
    const server = await PlayServer.open({ file, port: Number(port), key, offersPerS: Number(process.env.OFFERS_PER_S ?? 20) })
    console.log(server.url)
}
