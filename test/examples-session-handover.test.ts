/** The example of the handover module with WebSockets: real processes, players who play on, and one server killed in the middle. */
import { type ChildProcess, spawn } from "node:child_process"
import { rm } from "node:fs/promises"
import path from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as assert from "uvu/assert"
import { WebSocket } from "ws"
import { PlayerClient } from "../examples/session-handover/player.ts"
import { call, temporaryFolder, until } from "./support/cloud.ts"
import { suite } from "./support/suite.ts"

const test = suite("example: a game whose server is replaced")

const SERVER = fileURLToPath(new URL("../examples/session-handover/play-server.ts", import.meta.url))
const KEY = "a-key-that-both-servers-know"
const PLAYERS = 8

interface Game {
    readonly url: string
    kill(): Promise<void>
}

async function start(file: string, port = 0, offersPerS = 20): Promise<Game> {
    const child: ChildProcess = spawn(process.execPath, ["--import", "tsx", SERVER, file, String(port)], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, HANDOVER_KEY: KEY, OFFERS_PER_S: String(offersPerS) } })
    const exited = new Promise<void>(resolve => child.once("exit", () => resolve()))
    const url = await new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout! }).once("line", resolve)
        child.once("exit", code => reject(new Error(`the game ended with ${code}`)))
    })
    return {
        url,
        kill: async () => {
            child.kill("SIGKILL")
            await exited
        },
    }
}

const progressOf = async ({ url }: Game): Promise<any> => JSON.parse((await call(`${url}/progress`)).bytes.toString())
const handOver = (from: Game, to: Game) => call(`${from.url}/hand-over?to=${to.url}`, { method: "POST", headers: { authorization: KEY } })

async function withGames(offersPerS: number, work: (games: { current: Game; next: Game; again(which: "current" | "next"): Promise<void> }, players: PlayerClient[]) => Promise<void>): Promise<void> {
    const folder = await temporaryFolder()
    const files = { current: path.join(folder, "current.journal"), next: path.join(folder, "next.journal") }
    const [current, next] = await Promise.all([start(files.current, 0, offersPerS), start(files.next, 0, offersPerS)])
    const games = { current, next }
    const again = async (which: "current" | "next"): Promise<void> => {
        games[which] = await start(files[which], Number(new URL(games[which].url).port), offersPerS)
    }
    const players = Array.from({ length: PLAYERS }, (_, n) => new PlayerClient(`p${n}`, current.url))
    try {
        await work({ ...games, again }, players)
        for (const player of players) assert.equal(wrongOf(player), [])
    } finally {
        await Promise.all(players.map(player => player.stop()))
        await Promise.all([games.current.kill(), games.next.kill()])
        await rm(folder, { recursive: true, force: true })
    }
}

/** Every event once and in order, and each of them one step of x: so no step was lost, doubled, or counted by two servers. */
function wrongOf({ events, steps }: PlayerClient): string[] {
    const wrong: string[] = []
    for (const [i, { n, x }] of events.entries()) if (n !== i + 1 || x !== n) wrong.push(`event ${n} with x = ${x} in place ${i + 1}`)
    const own = events.filter(({ by }) => by === "player").length
    if (own !== steps) wrong.push(`${own} steps happened, ${steps} counted`)
    return wrong
}

const playing = (players: readonly PlayerClient[], more: number, server?: string): Promise<unknown> => {
    const from = players.map(({ events }) => events.length)
    return until(`${more} events more of each`, async () => players.every((player, n) => player.events.length >= from[n] + more && (server === undefined || player.server === server)), Boolean, 20_000)
}

/**
 * Told to move, a player connects to the other server, and lets go of its own when that says go. Whom the other one could not ask for in
 * time (a busy machine) it closes, before or after that: then the player looks for the one who has its place.
 */
const WAY = /^moving to, connected to, (go from, closed from|(lost to, go from, closed from|go from, closed from, lost to)(, connected from, go from, closed from|, connected to, (go to, closed to|lost to))*, connected to)$/

test("players go over one by one, each served by current until current lets go, and back again", () =>
    withGames(20, async ({ current, next }, players) => {
        await playing(players, 20)
        for (const [from, to] of [[current, next], [next, current]]) {
            const before = players.map(({ notes }) => notes.length)
            let straight = 0
            assert.is((await handOver(from, to)).status, 204)
            await until("the end", () => progressOf(from), ({ role, phase }) => role === "current" && phase === "done", 15_000)
            await playing(players, 20, to.url)
            for (const [n, { notes }] of players.entries()) {
                const way = notes.slice(before[n]).filter(({ what }) => what !== "welcome").map(({ what, at }) => `${what} ${at === from.url ? "from" : "to"}`)
                assert.match(way.join(", "), WAY)
                if (way.join() === "moving to,connected to,go from,closed from") straight++
            }
            assert.ok(straight >= PLAYERS / 2, `${straight} of ${PLAYERS} went straight`)
            assert.is((await progressOf(to)).here, PLAYERS)
        }
        // Somebody new comes to the server that was replaced last.
        const late = new PlayerClient("late", next.url)
        await playing([late], 5, current.url)
        await late.stop()
    }))

test("what a player has not said to have seen is told again, whoever serves by then", () =>
    withGames(20, async ({ current, next }) => {
        /** Somebody who listens for a while, says nothing, and is gone. */
        const listen = async (game: Game, events: number): Promise<any[]> => {
            const heard: any[] = []
            const connection = new WebSocket(`${game.url}/play/quiet`)
            connection.on("message", message => heard.push(JSON.parse(String(message))))
            await until(`${events} events`, async () => heard.length, count => count > events, 10_000)
            connection.close()
            return heard.filter(({ kind }) => kind === "event").map(({ event }) => event.n)
        }
        const first = await listen(current, 3)
        assert.is((await handOver(current, next)).status, 204)
        await until("the end", () => progressOf(current), ({ phase }) => phase === "done", 15_000)
        const then = await listen(next, first.length + 3)
        assert.equal(then.slice(0, first.length), first)
        assert.equal(then, Array.from(then, (_, n) => n + 1))
    }))

for (const killed of ["current", "next"] as const)
    test(`${killed} is killed in the middle: who is at the other one plays on, and with its file it goes on where it was`, () =>
        withGames(6, async ({ current, next, again }, players) => {
            await playing(players, 10)
            assert.is((await handOver(current, next)).status, 204)
            await until("some at next", () => progressOf(next), ({ here }) => here >= 3, 15_000)
            const game = killed === "current" ? current : next
            const other = killed === "current" ? next : current
            await game.kill()
            await playing(players.filter(({ server }) => server === other.url), 10, other.url)
            await again(killed)
            await until("the end", () => progressOf({ ...current }), ({ phase }) => phase === "done", 20_000)
            await playing(players, 20, next.url)
        }))

test.run()
