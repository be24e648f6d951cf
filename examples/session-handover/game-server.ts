/**
 * A game server that is replaced in the middle of a game, with the protocol of
 * cloud/handover and nothing else of the cloud: players are sessions, a session's body
 * is where the player stands and what they hold. Both servers are in this process, so
 * that one file shows it all; `send` would be your network, `Memory` your store.
 *
 *   npx tsx examples/session-handover/game-server.ts
 */
import { Arriving } from "../../cloud/handover/arriving.ts"
import { Home } from "../../cloud/handover/home.ts"
import { Leaving } from "../../cloud/handover/leaving.ts"
import type { Message } from "../../cloud/handover/messages.ts"
import { Memory } from "./memory.ts"

interface Player {
    readonly x: number
    readonly bag: readonly string[]
}

class GameServer {
    readonly name: string
    readonly store: Memory<Player>
    readonly home: Home<Player>
    readonly arriving: Arriving<Player>
    leaving: Leaving<Player> | undefined
    other: GameServer | undefined

    constructor(name: string, other: string) {
        this.name = name
        this.store = new Memory<Player>(name, other)
        const send = (message: Message<Player>): void => {
            // A network: later, and to whoever is there.
            setTimeout(() => this.other?.receive(message), 2)
        }
        this.home = new Home<Player>({
            me: name,
            store: this.store,
            shared: false,
            now: Date.now,
            send,
            capture: (player, done) => done(this.store.snapshot(player)),
        })
        this.arriving = new Arriving<Player>({ home: this.home, store: this.store, plan: null, send, refusal: () => null, takeOver: done => done() })
        setInterval(() => {
            this.home.tick()
            this.leaving?.tick()
        }, 10).unref()
    }

    receive(message: Message<Player>): void {
        if ("session" in message) return this.home.receive(message)
        this.leaving?.receive(message)
        this.arriving.receive(message)
    }

    /** One step of a player; answers where the player is to go on, if not here. */
    move(player: string, epoch: number | null, dx: number): Promise<{ x: number; server: string; goTo: { server: GameServer; epoch: number } | null }> {
        return new Promise((resolve, reject) => {
            this.home.enter(player, epoch === null ? null : { epoch }, admission => {
                if (admission.kind !== "here") return reject(new Error(`${player} is not at ${this.name}`))
                const { x } = this.store.write(player, admission.epoch, body => ({ ...body, x: body.x + dx }))
                admission.leave()
                const state = this.home.state(player)
                const goTo = state.at === "offered" && this.other !== undefined ? { server: this.other, epoch: state.epoch } : null
                resolve({ x, server: this.name, goTo })
            })
        })
    }

    handOver(): Promise<void> {
        return new Promise(resolve => {
            this.leaving = new Leaving<Player>({
                handover: "game-1",
                key: "unused: players show no tickets here",
                phase: "preparing",
                home: this.home,
                store: this.store,
                offersPerS: 20,
                offerMs: 2_000,
                retryMs: 50,
                copying: {
                    roundsMax: 3,
                    sessionsPerCopy: 16,
                    dirtyMax: 2,
                    perS: () => 1_000,
                    read: (players, done) => done(players.map(session => ({ session, snapshot: this.store.snapshot(session) }))),
                    changed: copied => [...copied].filter(([player, version]) => this.store.snapshot(player).version !== version).map(([player]) => player),
                },
                now: Date.now,
                send: message => void setTimeout(() => this.other?.receive(message), 2),
                tellClient: () => {},
                isConnected: () => true,
                mayOffer: () => true,
                rest: done => done(),
                onPhase: phase => {
                    console.log(`${this.name}: ${phase}`)
                    if (phase === "done") resolve()
                },
            })
        })
    }
}

const current = new GameServer("current", "next")
const next = new GameServer("next", "current")
current.other = next
next.other = current
const players = ["ann", "ben", "cleo"]
for (const player of players) current.home.load(player, current.store.add(player, { x: 0, bag: [] }))

let over = false
const games = players.map(async player => {
    let server = current
    let epoch: number | null = null
    let steps = 0
    while (!over || server === current) {
        const answer = await server.move(player, epoch, 1)
        if (answer.x !== ++steps) throw new Error(`${player} stands at ${answer.x} after ${steps} steps`)
        epoch = null
        if (answer.goTo !== null) {
            console.log(`${player} goes on at ${answer.goTo.server.name} from x = ${answer.x}`)
            server = answer.goTo.server
            epoch = answer.goTo.epoch
        }
        await new Promise(resolve => setTimeout(resolve, 5))
    }
    return `${player}: ${steps} steps, none lost, now at ${server.name}`
})
await new Promise(resolve => setTimeout(resolve, 100))
await current.handOver()
over = true
console.log((await Promise.all(games)).join("\n"))
