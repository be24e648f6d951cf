import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an app and the updater with one socket")
let bench: DeviceBench
let broker: Broker

/** Publishes by MQTT again and again, with the stock client, and says how long it waited for the socket. */
const APP = `
import * as ds from "@devicescript/core"
import { startMQTTClient } from "@devicescript/net"
import { readSetting } from "@devicescript/settings"
import { startResident, withNetwork } from "./resident"

await startResident()
const port = await readSetting("mqtt")
const pauseMs = await readSetting("pauseMs", 300)
let n = 0
let askedMs = 0
async function publish() {
    const client = await startMQTTClient({ host: "127.0.0.1", port, proto: "tcp" })
    console.log("app has it after " + (ds.millis() - askedMs))
    n++
    await client.publish("board/count", "" + n)
    await ds.sleep(20)
    await client.stop()
}
while (true) {
    askedMs = ds.millis()
    await withNetwork(publish)
    await ds.sleep(pauseMs)
}
`

/** As much of MQTT 3.1.1 as a client needs that connects, publishes without acknowledgement and goes. */
class Broker {
    readonly messages: string[] = []
    private constructor(private readonly server: Server) {}

    static async start(): Promise<Broker> {
        const server = createServer()
        const made = new Broker(server)
        server.on("connection", socket => made.serve(socket))
        await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
        return made
    }

    get port(): number {
        return (this.server.address() as AddressInfo).port
    }

    private serve(socket: Socket) {
        let rest = Buffer.alloc(0)
        socket.on("error", () => socket.destroy())
        socket.on("data", data => {
            rest = Buffer.concat([rest, data])
            while (rest.length >= 2 && rest.length >= 2 + rest[1]) {
                const packet = rest.subarray(0, 2 + rest[1])
                rest = rest.subarray(packet.length)
                if (packet[0] >> 4 === 1) socket.write(Buffer.of(0x20, 2, 0, 0))
                if (packet[0] >> 4 === 3) this.messages.push(packet.toString("utf8", 4 + packet.readUInt16BE(2)))
            }
        })
    }

    close() {
        this.server.close()
    }
}

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
})
test.before.each(async () => {
    broker = await Broker.start()
})
test.after.each(async () => {
    await Promise.all(bench.boards.splice(0).map(board => board.close()))
    bench.server.reset()
    broker.close()
})
test.after(() => bench?.close())

test("take turns: messages go out during a download, which comes to its end", async () => {
    const board = await bench.started({ settings: { mqtt: broker.port, pauseMs: 200 } })
    const waits: number[] = []
    board.onLine(line => {
        const waited = /app has it after (\d+)/.exec(line)
        if (waited) waits.push(Number(waited[1]))
    })
    await board.waitForLine(/app has it/, 10_000)
    const idle = waits.length
    board.setNetwork({ latencyMs: 40 })
    bench.server.give(bench.update(plainImage({ sequence: 1, sizeBytes: 4000 }), { sequence: 1 }))
    await board.waitForLine(/HOV command/, 10_000)
    const [before, published] = [waits.length, broker.messages.length]
    await board.waitForLine(/HOV persisted/, 30_000)
    const during = waits.slice(before)
    assert.ok(idle > 0 && during.length >= 3, `${during.length} turns during the update`)
    // one exchange of the updater is what it may have to wait for: a chunk, and the connection before it
    assert.ok(Math.max(...during) < 3000, `waits ${during}`)
    assert.ok(broker.messages.length - published >= 3)
    assert.equal(broker.messages, broker.messages.map((_, i) => `${i + 1}`), "each once and in order")
})

test("an app that always wants it does not keep the updater from it", async () => {
    const board = await bench.started({ settings: { mqtt: broker.port, pauseMs: 0 } })
    await board.waitForLine(/app has it/, 10_000)
    const command = bench.update(plainImage({ sequence: 1, sizeBytes: 2500 }), { sequence: 1 })
    bench.server.give(command)
    // as the cloud does: again, until it sees an effect; the app may have ended the poll that it was the answer to
    const again = setInterval(() => bench.server.give(command), 2000)
    try {
        await board.waitForLine(/HOV persisted/, 40_000)
    } finally {
        clearInterval(again)
    }
    assert.ok(broker.messages.length > 5)
})

test.run()
