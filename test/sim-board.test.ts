import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { type Board, type BoardOptions, connectBus, createBoard } from "../sim/index.ts"
import { buildProgram } from "./support/build-program.ts"

const DEVICE = "12abdd2289421234"

async function withBoards(all: Partial<BoardOptions>[], use: (...boards: Board[]) => Promise<void>) {
    const boards = await Promise.all(all.map(options => createBoard({ deviceId: DEVICE, ...options })))
    try {
        await use(...boards)
    } finally {
        await Promise.all(boards.map(board => board.close()))
    }
}

const millisOf = (line: string) => Number(/(\d+)$/.exec(line)?.[1])

test("the clock of a board goes on over a panic and starts near 0 at power-on", async () => {
    const { devs } = await buildProgram(`
        import * as ds from "@devicescript/core"
        console.log("up", ds.millis())
        await ds.sleep(200)
        throw new Error("on purpose")`)
    await withBoards([{ program: devs, skipSleeps: true }], async board => {
        const panic = board.waitForEvent("panic", 5000)
        await board.powerOn()
        const first = millisOf(await board.waitForLine(/^> up/, 5000))
        assert.is((await panic).code, 60005)
        const second = millisOf(await board.waitForLine(/^> up/, 5000))
        assert.ok(second - first >= 5000 && second - first < 6500, `${second - first} ms from start to start`)
        await board.powerCycle()
        assert.ok(millisOf(await board.waitForLine(/^> up/, 5000)) < 1500)
    })
})

test("a reset of the chip from the bus is survived and starts the board again", async () => {
    const { devs } = await buildProgram(`console.log("up")`)
    await withBoards([{ program: devs }], async board => {
        await board.powerOn()
        await board.waitForLine(/^> up/, 5000)
        const reset = board.waitForEvent("reset", 5000)
        board.sendFrame(resetCommand(DEVICE))
        await reset
        await board.waitForLine(/^> up/, 5000)
        assert.ok(board.on)
    })
})

test("waiting for a line that does not come fails with the last lines, one that came before is not missed", async () => {
    const { devs } = await buildProgram(`
        console.log("one")
        console.log("two")
        console.error("three")`)
    await withBoards([{ program: devs, skipSleeps: true }], async board => {
        const heard: string[] = []
        board.onLine(line => heard.push(line))
        await board.powerOn()
        await board.waitForLine(/^! three$/, 5000)
        assert.ok(heard.includes("> two"))
        try {
            await board.waitForLine(/^> one$/, 50)
            assert.unreachable()
        } catch (e) {
            assert.match(String(e), /no line .* within \d+ ms/)
            assert.match(String(e), /> two/)
        }
    })
})

test("times of lines are on the clock of the thread that made the board, for every board", async () => {
    const { devs } = await buildProgram(`setInterval(() => console.log("tick"), 50)`)
    await withBoards([{ program: devs }, { program: devs, deviceId: "aa00bb11cc22dd33" }], async (...boards) => {
        for (const board of boards) {
            const before = performance.now()
            await board.powerOn()
            const { tMs } = await board.waitForLog(/^> tick/, 5000)
            const after = performance.now()
            assert.ok(before < tMs && tMs < after, `${before} < ${tMs} < ${after}`)
        }
    })
})

test("the heap shows what a program holds", async () => {
    const { devs } = await buildProgram(`
        const held: Buffer[] = []
        console.log("before")
        setTimeout(() => {
            for (let i = 0; i < 4; ++i) held.push(Buffer.alloc(5000))
            console.log("after")
        }, 300)`)
    await withBoards([{ program: devs }], async board => {
        assert.is(await board.heap(), undefined)
        await board.powerOn()
        await board.waitForLine(/^> before/, 5000)
        const before = await board.heap()
        await board.waitForLine(/^> after/, 5000)
        const after = await board.heap()
        if (!before || !after) throw new Error("no heap")
        const grown = after.usedBytes - before.usedBytes
        // Some garbage of the start may be gone.
        assert.ok(grown >= 19_000 && grown < 21_000, `${grown} bytes for four times 5000`)
        assert.is(after.usedBytes + after.freeBytes, after.sizeBytes)
        assert.ok(after.largestFreeBytes <= after.freeBytes)
    })
})

test("a program on one board uses a service of another over the bus", async () => {
    const server = await buildProgram(`
        import * as ds from "@devicescript/core"
        import { SensorServer, startServer } from "@devicescript/server"
        class Lamp extends SensorServer implements ds.LightLevelServerSpec {
            constructor() { super(ds.LightLevel.spec) }
            reading() { return 0.75 }
        }
        startServer(new Lamp())
        console.log("serving")`)
    const user = await buildProgram(`
        import * as ds from "@devicescript/core"
        const light = new ds.LightLevel()
        setInterval(async () => console.log("level", await light.reading.read()), 200)`)
    await withBoards([{ program: server.devs }, { program: user.devs, deviceId: "aa00bb11cc22dd33" }], async (a, b) => {
        const bus = connectBus(a, b)
        await Promise.all([a.powerOn(), b.powerOn()])
        await b.waitForLine(/^> level 0\.75/, 10_000)
        assert.ok(bus.frames > 0)
        bus.disconnect()
    })
})

test("a closed board refuses to be powered, its flash can still be read", async () => {
    const board = await createBoard({ deviceId: DEVICE })
    await board.close()
    try {
        await board.powerOn()
        assert.unreachable()
    } catch (e) {
        assert.match(String(e), /SIM_CLOSED/)
    }
    assert.is(board.flash.contents().at(-1), 0xff)
})

/** Jacdac: the command `reset` (0x82) of the control service (index 0) of one device. */
function resetCommand(deviceId: string): Uint8Array {
    const frame = new Uint8Array(16)
    frame[2] = 4
    frame[3] = 1
    frame.set(Buffer.from(deviceId, "hex"), 4)
    frame.set([0, 0, 0x82, 0], 12)
    let crc = 0xffff
    for (const byte of frame.subarray(2)) {
        let x = (crc >> 8) ^ byte
        x ^= x >> 4
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xffff
    }
    frame.set([crc & 0xff, crc >> 8])
    return frame
}

test.run()
