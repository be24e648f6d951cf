import { once } from "node:events"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { type Board, type BoardOptions, createBoard, type NetworkEvent } from "../sim/index.ts"
import { buildProgram } from "./support/build-program.ts"

/** Sends a line, prints what comes back and how it ends; again each time the server says so by closing. */
const client = () => buildProgram(`
    import { connect } from "@devicescript/net"
    import { readSetting } from "@devicescript/settings"
    const port = await readSetting("port", 0)
    const rounds = await readSetting("rounds", 1)
    for (let i = 0; i < rounds; ++i) {
        try {
            const socket = await connect({ proto: (await readSetting("proto", "tcp")) as any, host: "127.0.0.1", port })
            console.log("connected")
            await socket.send("hello " + i)
            let total = ""
            while (true) {
                const data = await socket.recv(1500)
                if (!data) break
                total += data.toString()
            }
            console.log("got", total.length, total.slice(0, 20))
            await socket.close()
        } catch (e) {
            console.log("failed", (e as any).message)
        }
    }
    console.log("finished")`)

interface Peer {
    port: number
    received: string[]
    sockets: Socket[]
    server: Server
}

async function withPeer(answer: string, options: Partial<BoardOptions> & { rounds?: number; proto?: string }, use: (board: Board, peer: Peer) => Promise<void>) {
    const { devs } = await client()
    const received: string[] = []
    const sockets: Socket[] = []
    const server = createServer(socket => {
        sockets.push(socket)
        socket.on("error", () => {})
        socket.on("data", data => {
            received.push(data.toString())
            socket.end(answer)
        })
    })
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    const settings = { port, rounds: options.rounds ?? 1, proto: options.proto ?? "tcp" }
    const board = await createBoard({ deviceId: "12abdd2289421234", program: devs, settings, skipSleeps: true, ...options })
    try {
        await use(board, { port, received, sockets, server })
    } finally {
        await board.close()
        for (const socket of sockets) socket.destroy()
        server.close()
    }
}

test("a board talks to a real server, and its bytes and connections are counted", async () => {
    await withPeer("answer", {}, async (board, peer) => {
        await board.powerOn()
        await board.waitForLine(/^> got 6 answer/, 8000)
        assert.equal(peer.received, ["hello 0"])
        const { connections, opened, bytesUp, bytesDown, faults } = board.network
        assert.equal({ connections, opened, bytesUp, bytesDown, faults }, { connections: 1, opened: 1, bytesUp: 7, bytesDown: 6, faults: 0 })
    })
})

test("latency delays both ways, bandwidth a long answer", async () => {
    await withPeer("x".repeat(1000), { network: { latencyMs: 100, bytesPerSecond: 5000 } }, async board => {
        const events: NetworkEvent[] = []
        board.onNetwork(event => events.push(event))
        await board.powerOn()
        await board.waitForLine(/^> got 1000/, 8000)
        const at = (kind: string) => events.find(event => event.kind === kind)?.tMs ?? Number.NaN
        const roundTripMs = at("down") - at("up")
        assert.ok(roundTripMs >= 395, `${roundTripMs} ms for two times 100 ms and 1000 bytes at 5000 a second`)
    })
})

test("a refused connection is an error for the script, a black hole a timeout", async () => {
    await withPeer("answer", { network: { refuseProbability: 1 } }, async (board, peer) => {
        await board.powerOn()
        await board.waitForLine(/^> failed .*ECONNREFUSED/, 8000)
        assert.is(peer.sockets.length, 0)
    })
    await withPeer("answer", { network: { offline: true } }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> failed .*EHOSTUNREACH/, 8000)
    })
})

test("a truncated answer ends early, a reset one with an error", async () => {
    await withPeer("answer", { network: { truncateProbability: 1, direction: "down" } }, async board => {
        await board.powerOn()
        const line = await board.waitForLine(/^> (got|failed)/, 8000)
        assert.match(line, /^> got [0-5] |^> got [0-5]$/)
    })
    await withPeer("x".repeat(3000), { network: { resetAfterBytes: 2000 } }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> (got 2000|failed .*ECONNRESET)/, 8000)
        assert.is(board.network.bytesDown, 2000)
    })
})

test("duplicated and corrupted chunks reach the script as such", async () => {
    await withPeer("answer", { network: { duplicateProbability: 1, direction: "down" } }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> got 12 answeranswer/, 8000)
    })
    await withPeer("answer", { network: { corruptProbability: 1, direction: "up" } }, async (board, peer) => {
        await board.powerOn()
        await board.waitForLine(/^> got 6 answer/, 8000)
        assert.is.not(peer.received[0], "hello 0")
    })
})

test("the same seed gives the same faults", async () => {
    const faults: string[][] = []
    for (const seed of [7, 7, 8]) {
        await withPeer("answer", { seed, rounds: 12, network: { corruptProbability: 0.5 } }, async board => {
            const seen: string[] = []
            board.onNetwork(event => void (event.kind === "fault" && seen.push(`${event.connection} ${event.fault}`)))
            await board.powerOn()
            await board.waitForLine(/^> finished/, 10_000)
            faults.push(seen)
        })
    }
    assert.ok(faults[0].length > 0)
    assert.equal(faults[0], faults[1])
    assert.is.not(faults[0].join(), faults[2].join())
})

test("faults can be changed while the board runs", async () => {
    await withPeer("answer", { rounds: 1000, network: { refuseProbability: 1 } }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> failed/, 8000)
        board.setNetwork({})
        await board.waitForLine(/^> got 6 answer/, 8000)
    })
})

test("a board has one socket: opening another closes the first", async () => {
    const { devs } = await buildProgram(`
        import { connect } from "@devicescript/net"
        import { readSetting } from "@devicescript/settings"
        const port = await readSetting("port", 0)
        const first = await connect({ proto: "tcp", host: "127.0.0.1", port })
        const second = await connect({ proto: "tcp", host: "127.0.0.1", port })
        await second.send("second")
        console.log("answer", (await second.recv(2000)).toString())`)
    await withPeer("answer", { program: devs }, async (board, peer) => {
        const closed: string[] = []
        board.onNetwork(event => void (event.kind === "closed" && closed.push(`${event.connection} ${event.by}`)))
        await board.powerOn()
        await board.waitForLine(/^> answer answer/, 8000)
        assert.equal(peer.received, ["second"])
        // The stock library closes the old socket itself; the model would have, too.
        assert.match(closed[0], /^1 (board|replaced)$/)
        assert.ok(board.network.open <= 1)
    })
})

test("an RP2040 W has no TLS", async () => {
    await withPeer("answer", { chip: "rp2040", proto: "tls" }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> failed .*no TLS/, 8000)
    })
})

test("on an RP2040 W the script sees a peer's orderly close as an error", async () => {
    await withPeer("answer", { chip: "rp2040" }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> failed .*recv without buf/, 8000)
        assert.is(board.network.bytesDown, 6)
    })
})

test("a power cut ends the connection, at once or after the time that a peer keeps it half open", async () => {
    for (const halfOpenMs of [0, 1500]) {
        const { devs } = await buildProgram(`
            import { connect } from "@devicescript/net"
            import { readSetting } from "@devicescript/settings"
            await connect({ proto: "tcp", host: "127.0.0.1", port: await readSetting("port", 0) })
            console.log("connected")`)
        await withPeer("answer", { program: devs, network: { halfOpenMs } }, async (board, peer) => {
            await board.powerOn()
            await board.waitForLine(/^> connected/, 8000)
            // the board may hear of the connection before this process does
            if (peer.sockets.length === 0) await once(peer.server, "connection")
            const closed = new Promise<number>(resolve => peer.sockets[0].on("close", () => resolve(performance.now())))
            peer.sockets[0].resume()
            const offMs = performance.now()
            await board.powerOff()
            const gapMs = (await closed) - offMs
            assert.ok(halfOpenMs ? gapMs > 1450 : gapMs < 1000, `closed after ${gapMs} ms`)
        })
    }
})

test.run()
