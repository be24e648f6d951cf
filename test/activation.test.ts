import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { BusBootloader, findBoards } from "../cli/jacdac/bootloader-client.ts"
import type { Board } from "../sim/index.ts"
import { benchFor, DeviceBench } from "./support/device-bench.ts"

/** `onActivate` on a board with the real loader and images in its banks. */
const test = suite("onActivate")
let bench: DeviceBench
/** says that it is told, and goes on with a timer and a handler of its own */
let telling: Buffer
/** throws in it, by the version that it is told of */
let throwing: Buffer
/** throws in a timer after a boot */
let faulting: Buffer
/** says more when it is told */
let unlike: Buffer
/** calls a function in another way that a loop without an end goes on to call */
let mixing: Buffer

const oldStep = 'function step(x: number) { return x + 1 }'

const program = (handler: string, more = "", step = oldStep, arg = "n") => ({
    "src/main.ts": `import * as ds from "@devicescript/core"
import { migrate, onActivate, startResident } from "./resident"
import { startBootloaderServer } from "./dfu/bootloader-server"
startBootloaderServer()
let n = 0
${step}
async function turns() {
    while (true) {
        await ds.sleep(50)
        n = step(${arg})
    }
}
turns.start()
setInterval(() => { n++ }, 1000)
onActivate(({ to }) => {
    if (to === "9.9.9") throw new Error("the base's handler")
})
onActivate(async ({ reason, from, to }) => {
    console.log("told " + reason + " " + from + " " + to)
    ${handler}
})
${more}
await startResident()
`,
})

benchFor(test, async () => {
    bench = await DeviceBench.openLinked(program(""), async imageOf => {
        const image = (...parts: Parameters<typeof program>) => imageOf(program(...parts), 1, { waitMs: 300 })
        telling = await image(
            'console.log("new code " + reason)',
            `let added = 7
setInterval(() => console.log("added " + added), 100)
onActivate(({ reason, to }) => console.log("second " + reason + " " + to))`,
        )
        throwing = await image(`if (to === "1.2.0") throw new Error("at once")
    if (to === "1.3.0") { await ds.sleep(100); throw new Error("later") }
    if (to === "1.5.0") migrate({ no: "class" }, { to: 2, up: () => {} })`)
        faulting = await image('booted = reason === "boot"', 'let booted = false\nsetInterval(() => { if (booted) throw new Error("after a boot") }, 100)')
        unlike = await image('console.log("unlike " + reason)')
        mixing = await image("", "", "function step(x: string) { return x.length }", '"x" + n')
    })
    return bench
})

function give(image: Buffer, sequence: number, version: string): { id: string } {
    const numbered = Buffer.from(image)
    numbered.writeUInt32LE(sequence, 16)
    const command = bench.update(numbered, { sequence, version })
    bench.server.give(command)
    return command
}

const textsOf = (board: Board, pattern: RegExp) => board.lines().flatMap(l => pattern.exec(l.text)?.[0] ?? [])

test("is told of a hot update, of a boot with its image, and of the way back; a handler that the image brings, until then", async () => {
    const board = await bench.started()
    give(telling, 1, "1.1.0")
    await board.waitForLine(/HOV persisted slot=A/, 8000)
    await board.powerCycle()
    await board.waitForLine(/HOV healthy/, 8000)
    bench.server.give({ cmd: "revert", id: "back" })
    await bench.server.waitForStatus(s => s.id === "back" && s.state === "confirmed", 5000)
    await board.waitForLine(/told rollback/, 3000)
    assert.equal(textsOf(board, /told .*/), ["told hot 1.0.0 1.1.0", "told boot 1.0.0 1.1.0", "told rollback 1.1.0 1.0.0"])
    assert.equal(textsOf(board, /new code .*/), ["new code hot", "new code boot"])
    assert.equal(textsOf(board, /second .*/), ["second hot 1.1.0", "second boot 1.1.0"])
})

test("throwing in it fails the trial: in new code at once and after a wait, in a migration that names no class, and in the base's own handler", async () => {
    const board = await bench.started()
    const cases = [
        [throwing, "1.2.0", "HOV_TRIAL_FAULT"],
        [throwing, "1.3.0", "HOV_TRIAL_FAULT"],
        [throwing, "1.5.0", "HOV_MIGRATION_CLASS"],
        [faulting, "9.9.9", "HOV_TRIAL_ACTIVATION"],
    ] as const
    for (const [i, [image, version, code]] of cases.entries()) {
        const command = give(image, i + 1, version)
        const status = await bench.server.waitForStatus(s => s.id === command.id && s.state === "rolledBack", 8000)
        assert.equal([status.v, status.code], ["1.0.0", code], version)
        assert.equal(textsOf(board, /told .*/).slice(-2), [`told hot 1.0.0 ${version}`, `told rollback ${version} 1.0.0`])
    }
})

test("an update whose calls would mix with old ones that do not end in time is left, and nothing has changed", async () => {
    const board = await bench.started()
    const command = give(mixing, 1, "1.6.0")
    const status = await bench.server.waitForStatus(s => s.id === command.id && s.state === "failed", 8000)
    assert.equal([status.v, status.code, status.seq], ["1.0.0", "HOV_QUIESCE", 0])
    assert.equal(textsOf(board, /told .*/), [])
    const next = give(telling, 2, "1.7.0")
    await bench.server.waitForStatus(s => s.id === next.id && s.state === "confirmed", 8000)
})

for (const gcStress of [false, true])
    test(`a bank that faults after its boot gives way to the bank before, whose statements go live in the running program${gcStress ? ", with a collection at every allocation" : ""}`, async () => {
        const board = await bench.started({ gcStress })
        give(telling, 1, "1.1.0")
        await board.waitForLine(/HOV persisted slot=A/, 8000)
        give(faulting, 2, "1.4.0")
        await board.waitForLine(/HOV persisted slot=B/, 8000)
        await board.powerCycle()
        await board.waitForLine(/HOV rolledback slot=A v=1\.1\.0/, 8000)
        await board.waitForLine(/told rollback 1\.0\.0 1\.1\.0/, 3000)
        await board.waitForLine(/second rollback 1\.1\.0/, 3000)
        await board.waitForLine(/added 7/, 3000)
        assert.equal(textsOf(board, /told .*/), ["told hot 1.0.0 1.1.0", "told hot 1.1.0 1.4.0", "told boot 1.0.0 1.4.0", "told rollback 1.4.0 1.0.0", "told rollback 1.0.0 1.1.0"])
        assert.equal(textsOf(board, /second .*/), ["second hot 1.1.0", "second rollback 1.1.0"])
    })

test("an order over the bus back to the bank before, after a boot: its statements hear of the way back only", async () => {
    const board = await bench.started()
    give(telling, 1, "1.1.0")
    await board.waitForLine(/HOV persisted slot=A/, 8000)
    give(unlike, 2, "1.4.0")
    await board.waitForLine(/HOV persisted slot=B/, 8000)
    await board.powerCycle()
    await board.waitForLine(/HOV healthy/, 8000)
    const link = { send: (frame: Uint8Array) => board.sendFrame(frame), onFrame: (listener: (frame: Uint8Array) => void) => board.onFrame(listener), close() {} }
    const [found] = await findBoards(link, 2500)
    new BusBootloader(link, found).rollback()
    await board.waitForLine(/second rollback 1\.1\.0/, 8000)
    assert.equal(textsOf(board, /told .*/).slice(-2), ["told boot 1.0.0 1.4.0", "told rollback 1.4.0 1.1.0"])
    assert.equal(textsOf(board, /second .*/), ["second hot 1.1.0", "second rollback 1.1.0"])
})

test.run()
