import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { type Board, BoardFlash, type BoardOptions, createBoard, emptyFlash, readSettingsLog, SECTOR_BYTES, writeSettings } from "../sim/index.ts"
import { COUNTER, createSharedFlash, flashState } from "../sim/flash-state.ts"
import { FlashFault, NorFlash, PowerCut } from "../sim/nor-flash.ts"
import { SeededRandom } from "../sim/seeded-random.ts"
import { buildProgram } from "./support/build-program.ts"

const DEVICE = "12abdd2289421234"
const bytes = (...values: number[]) => Uint8Array.from(values)

/** Counts its boots in a setting and says so. */
const bootCounter = () => buildProgram(`
    import { readSetting, writeSetting } from "@devicescript/settings"
    const boots = await readSetting("boots", 0)
    console.log("boots", boots)
    await writeSetting("boots", boots + 1)
    console.log("read back", await readSetting("boots", -1))`)

async function withBoard(options: Partial<BoardOptions>, use: (board: Board) => Promise<void>) {
    const board = await createBoard({ deviceId: DEVICE, skipSleeps: true, ...options })
    try {
        await use(board)
    } finally {
        await board.close()
    }
}

function bareFlash(buffersPage = false) {
    const state = flashState(createSharedFlash(128 * 1024))
    const operations: string[] = []
    const flash = new NorFlash(state, undefined, new SeededRandom(1), buffersPage, ({ kind, offset, sizeBytes }) => operations.push(`${kind} ${offset} ${sizeBytes}`))
    return { state, flash, operations }
}

test("programming a cell that is not erased is an error, also where no bit would change", () => {
    const { flash } = bareFlash()
    flash.program(4096, bytes(1, 2, 3))
    assert.throws(() => flash.program(4096, bytes(1)), (e: Error) => e instanceof FlashFault && e.message === "Offset 4096 is not erased")
    assert.throws(() => flash.program(130 * 1024, bytes(1)), /outside/)
    assert.throws(() => flash.program(4097, bytes(1)), /not aligned/)
})

test("an erase takes a whole sector, starting at a sector", () => {
    const { flash, state } = bareFlash()
    flash.program(SECTOR_BYTES, bytes(1, 2, 3))
    flash.erase(SECTOR_BYTES)
    assert.is(state.contents[SECTOR_BYTES], 0xff)
    assert.throws(() => flash.erase(SECTOR_BYTES + 256), /not the start of a sector/)
})

test("a torn program keeps the first bytes, a torn erase clears the first part of its sector", () => {
    const { flash, state } = bareFlash()
    const order = new BoardFlash(state)
    order.cutAt(1, { bytes: 2 })
    assert.throws(() => flash.program(0, bytes(1, 2, 3, 4)), (e: Error) => e instanceof PowerCut && e.operation === 1)
    assert.equal([...state.contents.subarray(0, 4)], [1, 2, 0xff, 0xff])

    flash.program(64, bytes(5))
    order.cutAt(1, { bytes: 32 })
    assert.throws(() => flash.erase(0), (e: Error) => e instanceof PowerCut && e.operation === 3)
    assert.is(state.contents[0], 0xff)
    assert.is(state.contents[64], 5)
})

test("pages are counted by what a program operation touches", () => {
    const { flash, state } = bareFlash()
    flash.program(248, new Uint8Array(16))
    flash.program(512, new Uint8Array(256))
    assert.is(state.counters[COUNTER.pages], 3)
    assert.is(state.counters[COUNTER.programmedBytes], 272)
})

test("an RP2040 gathers writes to a page, and programs it when another page is written or at a sync", () => {
    const { flash, state, operations } = bareFlash(true)
    flash.program(512, bytes(1, 2))
    flash.program(520, bytes(3))
    assert.equal(operations, [])
    assert.is(state.contents[512], 0xff)
    flash.program(1024, bytes(4))
    assert.equal(operations, ["program 512 256"])
    assert.equal([...state.contents.subarray(512, 521)], [1, 2, 255, 255, 255, 255, 255, 255, 3])
    const expected = state.contents.slice()
    expected[1024] = 4
    flash.sync(expected)
    assert.equal(operations, ["program 512 256", "program 1024 256"])
    assert.is(state.counters[COUNTER.programmedBytes], 4)
    assert.throws(() => flash.program(2048, new Uint8Array(256)), /fills a page/)
})

test("what an RP2040 has gathered is lost with power", () => {
    const { flash, state, operations } = bareFlash(true)
    flash.program(512, bytes(1))
    flash.powerUp()
    flash.program(1024, bytes(2))
    flash.program(2048, bytes(3))
    assert.equal(operations, ["program 1024 256"])
    assert.is(state.contents[512], 0xff)
})

for (const chip of ["esp32", "rp2040"] as const)
    test(`settings survive a power cycle on ${chip}, and the log's reader sees what the script wrote`, async () => {
        const { devs } = await bootCounter()
        await withBoard({ chip, program: devs, settings: { greeting: "hello" } }, async board => {
            await board.powerOn()
            await board.waitForLine(/^> read back 1$/, 5000)
            await board.powerCycle()
            await board.waitForLine(/^> boots 1$/, 5000)
            await board.waitForLine(/^> read back 2$/, 5000)
            assert.is(board.flash.setting("boots"), 2)
            assert.is(board.flash.setting("greeting"), "hello")
            const log = board.flash.settingsLog()
            assert.equal(log.history.map(entry => entry.key), [":greeting", "*prog", ":boots", ":boots"])
            // The store's own count, as it printed it at the second power-on, before the second write.
            const mounted = board.lines().filter(line => line.text.startsWith("fstor: mounted")).at(-1)
            assert.is(mounted?.text, `fstor: mounted; ${log.freeBytes + 32} free`)
            assert.equal(board.flash.program()?.subarray(0, devs.length), devs)
        })
    })

test("a board that has the program in its flash does not write it again", async () => {
    const { devs } = await bootCounter()
    let flash = emptyFlash("esp32")
    await withBoard({ program: devs }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> read back 1$/, 5000)
        await board.powerOff()
        flash = board.flash.contents()
    })
    await withBoard({ program: devs, flash }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> boots 1$/, 5000)
        assert.not(board.lines().some(line => line.text.startsWith("mgr: deploy")))
    })
})

test("a program written while the board runs counts, and replaces the one that ran", async () => {
    const { devs } = await bootCounter()
    await withBoard({}, async board => {
        await board.powerOn()
        board.flash.resetCounters()
        assert.is(await board.deploy(devs), 0)
        await board.waitForLine(/^> boots 0$/, 5000)
        assert.is(board.flash.erases, 1)
        assert.ok(board.flash.programmedBytes > devs.length)
    })
})

test("power is cut at every flash operation of a settings write: the store formats everything where its entry is missing", async () => {
    const { devs } = await bootCounter()
    const base = emptyFlash("esp32")
    await withBoard({ program: devs, flash: base }, async board => {
        await board.powerOn()
        await board.waitForLine(/^> read back 1$/, 5000)
        await board.powerOff()
        base.set(board.flash.contents())
    })

    const outcome = async (n: number, torn?: { bytes: number }) => {
        let result = ""
        await withBoard({ flash: base }, async board => {
            board.cutPowerAtFlashOp(n, torn)
            const cut = board.waitForEvent("powerCut", 5000)
            await board.powerOn()
            assert.is((await cut).operation, n)
            assert.not(board.on)
            result = board.flash.settingsLog().damage ?? `boots ${board.flash.setting("boots")}`
            await board.powerOn()
            const line = await board.waitForLine(/^fstor: (formatting|mounted)/, 5000)
            if (line === "fstor: formatting now") result += "; formatted"
        })
        return result
    }
    // Operation 1 writes the value, 2 the entry that makes it count.
    assert.is(await outcome(1), "boots 1")
    assert.match(await outcome(1, { bytes: 1 }), /is not erased; formatted$/)
    assert.match(await outcome(2), /is not erased; formatted$/)
    assert.is(await outcome(2, { bytes: 24 }), "boots 2")
})

test("with the second bank torn, every mount formats again and the program stays lost", async () => {
    const { devs } = await buildProgram(`
        import { writeSetting } from "@devicescript/settings"
        let value = ""
        for (let i = 0; i < 150; ++i) value += "x"
        for (let i = 0; i < 60; ++i) await writeSetting("k", value + i)
        console.log("done")`)
    await withBoard({ chip: "rp2040", program: devs }, async board => {
        await board.powerOn()
        await board.waitForLine(/^fstor: gc done/, 15_000)
        await board.powerOff()
        const log = board.flash.settingsLog()
        assert.is(log.bank, 1)
        const torn = board.flash.contents()
        torn[16 * 1024 - 4000] = 0
        board.flash.load(torn)
        for (let boot = 0; boot < 3; boot++) {
            await board.powerOn()
            await board.waitForLine(/^fstor: formatting now/, 5000)
            await board.powerOff()
            assert.is(board.flash.settingsLog().bank, 1)
        }
        assert.not(board.lines().slice(-20).some(line => line.text.startsWith("* start")))
    })
})

test("the board stands still while its flash works", async () => {
    const { devs } = await buildProgram(`
        import { writeSetting } from "@devicescript/settings"
        setInterval(() => console.log("tick"), 10)
        await writeSetting("warm", 1)
        let value = ""
        for (let i = 0; i < 150; ++i) value += "x"
        for (let i = 0; i < 200; ++i) await writeSetting("k" + i % 2, value + i)
        console.log("done")`)
    // Almost full, so that a garbage collection with its erases comes soon.
    const flash = emptyFlash("rp2040")
    writeSettings(flash, { filler: new Uint8Array(200) })
    await withBoard({ chip: "rp2040", program: devs, flash, flashTiming: true, skipSleeps: false }, async board => {
        const ticks: number[] = []
        board.onLine((line, tMs) => void (line === "> tick" && ticks.push(tMs)))
        await board.powerOn()
        await board.waitForLine(/^fstor: gc done/, 15_000)
        await board.waitForLine(/^> tick$/, 1000)
        const longest = Math.max(...ticks.slice(1).map((t, i) => t - ticks[i]))
        assert.is(board.flash.erases, 2)
        assert.ok(longest >= 90 && longest < 1000, `longest gap ${longest} ms, two erases take 90 ms`)
        assert.ok(board.flash.stalledMs >= 90)
    })
})

test("a log with a value that no entry names is damaged, and one without a header is not there", () => {
    const flash = emptyFlash("esp32")
    assert.is(readSettingsLog(flash).bank, undefined)
    writeSettings(flash, { a: 1 })
    assert.is(readSettingsLog(flash).damage, undefined)
    flash[8000] = 0
    assert.match(readSettingsLog(flash).damage ?? "", /offset 8000/)
})

test.run()
