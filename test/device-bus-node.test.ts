import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { BusBootloader, findBoards, writePacket } from "../cli/jacdac/bootloader-client.ts"
import { commandFrame, framePackets } from "../cli/jacdac/frames.ts"
import type { JacdacLink } from "../cli/jacdac/link.ts"
import type { Board } from "../sim/index.ts"
import { DeviceBench } from "./support/device-bench.ts"
import { DEED, plainImage } from "./support/plain-image.ts"

const test = suite("a program on a desk that updates a board over the bus")
let bench: DeviceBench
let board: Board
let link: JacdacLink
const folder = mkdtempSync(join(tmpdir(), "handover-bus-"))

/** A board without a server, as one without a network. */
const APP = `
import { startResident } from "./resident"
import { startBootloaderServer } from "./dfu/bootloader-server"
startBootloaderServer()
await startResident()
`

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
    board = await bench.started({ settings: { hUrl: "" } })
    link = linkOf(board)
})
test.after(async () => {
    await bench?.close()
    rmSync(folder, { recursive: true, force: true })
})

function linkOf(b: Board): JacdacLink {
    return { send: frame => b.sendFrame(frame), onFrame: listener => b.onFrame(listener), close() {} }
}

/** What `devicescript devtools` offers on its TCP port: a length before each frame. */
async function bridge(b: Board): Promise<Server> {
    const server = createServer((socket: Socket) => {
        const off = b.onFrame(frame => void (frame.length < 255 && socket.write(Buffer.concat([Buffer.of(frame.length), frame]))))
        let rest = Buffer.alloc(0)
        socket.on("data", data => {
            rest = Buffer.concat([rest, data])
            for (; rest.length && rest.length > rest[0]; rest = rest.subarray(rest[0] + 1)) b.sendFrame(rest.subarray(1, rest[0] + 1))
        })
        socket.on("error", () => {})
        socket.on("close", off)
    })
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    return server
}

function handover(...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> {
    const cli = join(import.meta.dirname, "../cli/handover.ts")
    return new Promise(resolve =>
        execFile(process.execPath, ["--import", "tsx", cli, ...args, "--json"], (error, stdout) => resolve({ code: Number(error?.code ?? 0), json: JSON.parse(stdout || "{}") })),
    )
}

test("finds it, and reads what runs", async () => {
    const boards = await findBoards(link, 2500)
    assert.is(boards.length, 1)
    const [found] = boards
    // a script's servers have an id of their own on the bus
    assert.equal(await findBoards(link, 3000, found.deviceId), [found])
    const state = await new BusBootloader(link, found).state()
    assert.equal([state.phase, state.slot, state.version, state.base, state.code], ["idle", "R", "1.0.0", "00c0ffee00c0ffee", ""])
})

test("is refused as a server would be: with a bad signature, a bad image, another base", async () => {
    const [found] = await findBoards(link, 2500)
    const client = new BusBootloader(link, found)
    const refused: [string, Buffer][] = [
        ["HOV_SIGNATURE", bench.artifact(plainImage({ sequence: 1 }), { sequence: 1, spoilSignature: b => Buffer.from(b.map((x, i) => (i === 500 ? x ^ 1 : x))) })],
        ["HOV_IMAGE_DIGEST", flipLast(bench.artifact(plainImage({ sequence: 1 }), { sequence: 1 }))],
        ["HOV_MANIFEST_BASE", bench.artifact(plainImage({ sequence: 1 }), { sequence: 1, manifest: { baseId: "0123456789abcdef" } })],
    ]
    for (const [code, artifact] of refused) {
        await client.push(artifact)
        const state = await client.waitForEnd(10_000)
        assert.equal([state.phase, state.code, state.version], ["failed", code, "1.0.0"])
    }
})

test("with `handover push` a good one runs, is kept, and is there after a power cycle", async () => {
    const file = join(folder, "good.hoa")
    writeFileSync(file, bench.artifact(plainImage({ sequence: 4, sizeBytes: 900 }), { sequence: 4, version: "1.4.0" }))
    const server = await bridge(board)
    try {
        const { code, json } = await handover("push", file, "--via", "jacdac", "--bridge", `127.0.0.1:${(server.address() as AddressInfo).port}`)
        assert.is(code, 0, JSON.stringify(json))
        assert.equal([json.ok, json.before, json.version, json.slot, json.phase], [true, "1.0.0", "1.4.0", "A", "confirmed"])
    } finally {
        server.close()
    }
    await board.powerCycle()
    await board.waitForLine(/HOV boot slot=A v=1\.4\.0/, 8000)
})

test("shows its banks and its last failure, goes back when it is told to, and empties a bank", async () => {
    const [found] = await findBoards(link, 2500)
    const client = new BusBootloader(link, found)
    await client.push(bench.artifact(plainImage({ sequence: 7, sizeBytes: 600, deed: DEED.throw }), { sequence: 7, version: "1.7.0" }))
    assert.equal((await client.waitForEnd(10_000)).phase, "rolledBack")
    const banks = await client.banks()
    assert.equal([banks.a, banks.b.status, banks.next], [{ status: "confirmed", attempts: 0, sequence: 4, version: "1.4.0" }, "empty", "A"])
    assert.equal([banks.diagnostics?.code, banks.diagnostics?.msg, banks.diagnostics?.v], ["HOV_TRIAL_FAULT", "deed 1", "1.7.0"])
    assert.ok((banks.diagnostics?.heap as number) > 1000 && (banks.diagnostics?.heap as number) < 60_000, JSON.stringify(banks))

    await client.push(bench.artifact(plainImage({ sequence: 8, sizeBytes: 600 }), { sequence: 8, version: "1.8.0" }))
    assert.equal((await client.waitForEnd(10_000)).slot, "B")
    client.erase("B")
    await until(async () => (await client.state()).code === "HOV_BANK_IN_USE")
    client.rollback()
    await until(async () => (await client.state()).version === "1.4.0")
    assert.equal((await client.state()).phase, "rolledBack")
    client.erase("B")
    await until(async () => (await client.banks()).b.status === "empty")
    assert.equal((await client.banks()).rollbacks, 1)
    // the lowest sequence that it takes has stayed
    await client.push(bench.artifact(plainImage({ sequence: 7 }), { sequence: 7 }))
    assert.equal((await client.waitForEnd(10_000)).code, "HOV_MANIFEST_SEQUENCE")
})

test("takes no piece that does not fit its check, and goes on after a sender that stopped half way", async () => {
    const [found] = await findBoards(link, 2500)
    const artifact = bench.artifact(plainImage({ sequence: 9, sizeBytes: 500 }), { sequence: 9, version: "1.9.0" })
    const command = (code: number, data: Uint8Array) => link.send(commandFrame(found.deviceId, found.serviceIndex, code, data))
    const size = Buffer.alloc(4)
    size.writeUInt32LE(artifact.length)
    const received = async () => {
        const reply = new Promise<number>(resolve => {
            const off = link.onFrame(frame => {
                for (const p of framePackets(frame))
                    if (!p.isCommand && p.deviceId === found.deviceId && p.command === 0x1186) {
                        off()
                        resolve(p.data.readUInt32LE(0))
                    }
            })
        })
        command(0x1186, Buffer.alloc(0))
        return await reply
    }
    command(0x80, size)
    command(0x81, writePacket(0, artifact.subarray(0, 200)))
    await until(async () => (await received()) === 200)
    const spoiled = writePacket(200, artifact.subarray(200, 400))
    spoiled[50] ^= 1
    command(0x81, spoiled)
    command(0x81, writePacket(0, artifact.subarray(0, 200)))
    await new Promise(resolve => setTimeout(resolve, 300))
    assert.is(await received(), 200, "neither the spoiled piece nor the one before again")

    // the offsets that are written from now on begin where the other sender stopped
    let first = -1
    const client = new BusBootloader({ ...link, send: frame => {
        for (const p of framePackets(frame)) if (p.command === 0x81 && first < 0) first = p.data.readUInt32LE(0)
        link.send(frame)
    } }, found)
    await client.push(artifact)
    assert.is(first, 200)
    assert.equal((await client.waitForEnd(10_000)).version, "1.9.0")
})

test("cancels while the artifact comes, and what was sent is gone", async () => {
    const [found] = await findBoards(link, 2500)
    const client = new BusBootloader(link, found)
    const artifact = bench.artifact(plainImage({ sequence: 10, sizeBytes: 2000 }), { sequence: 10, version: "1.10.0" })
    let cancelled = false
    const ended = client.push(artifact, done => {
        if (done < artifact.length / 2 || cancelled) return
        cancelled = true
        client.cancel()
    }).then(
        () => "taken",
        (e: Error) => e.message,
    )
    assert.match(await ended, /takes no more/)
    const state = await client.state()
    assert.equal([state.version, ["checking", "downloading", "ready", "trial"].includes(state.phase)], ["1.9.0", false])
    await client.push(artifact)
    assert.equal((await client.waitForEnd(10_000)).version, "1.10.0")
})

async function until(holds: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + 20_000
    while (!(await holds())) {
        if (performance.now() > endMs) throw new Error("it did not come to that in 20 s")
        await new Promise(resolve => setTimeout(resolve, 100))
    }
}

test("with `handover updater --jacdac` it is asked, updated to what was built, and asked again", async () => {
    const server = await bridge(board)
    const [found] = await findBoards(link, 2500)
    const at = ["--jacdac", "--device", found.deviceId, "--bridge", `127.0.0.1:${(server.address() as AddressInfo).port}`, "--project", folder]
    const updater = (...args: string[]) => handover("updater", ...args, ...at)
    try {
        const none = await updater("check")
        assert.equal([none.code, none.json.current, none.json.available], [0, "1.10.0", null], JSON.stringify(none))
        const current = await updater("current")
        assert.equal([current.code, current.json.version, current.json.sequence, current.json.bank, current.json.base], [0, "1.10.0", 10, "A", "00c0ffee00c0ffee"])

        for (const [version, sequence] of [["1.11.0", 11], ["1.12.0", 12]] as const) {
            mkdirSync(join(folder, "built/releases", version), { recursive: true })
            writeFileSync(join(folder, "built/releases", version, "00c0ffee00c0ffee.hoa"), bench.artifact(plainImage({ sequence, sizeBytes: 500 }), { sequence, version }))
        }
        const available = await updater("check")
        assert.equal([available.code, (available.json.available as { version: string }).version], [10, "1.12.0"])
        const absent = await updater("update", "9.9.9")
        assert.equal([absent.code, absent.json.code], [2, "HOV_CLI_FILE"])
        const named = await updater("update", "1.11.0")
        assert.equal([named.code, named.json.version, named.json.slot], [0, "1.11.0", "B"], JSON.stringify(named))
        const updated = await updater("update")
        assert.equal([updated.code, updated.json.version, updated.json.slot], [0, "1.12.0", "A"], JSON.stringify(updated))
        assert.equal([(await updater("check")).code, (await updater("update")).json.command], [0, null])

        const path = await updater("path")
        assert.equal([path.json.now, path.json.next, path.json.version], ["A", "A", "1.12.0"])
        assert.equal((await updater("cancel")).json.ok, true)
        const status = await updater("status")
        assert.equal([status.code, status.json.busy, status.json.version], [0, false, "1.12.0"])
    } finally {
        server.close()
    }
    const nobody = await handover("updater", "status")
    assert.equal([nobody.code, nobody.json.code], [2, "HOV_CLI_USAGE"])
})

test("says so when there is no bridge", async () => {
    const { code, json } = await handover("push", join(folder, "good.hoa"), "--bridge", "127.0.0.1:9")
    assert.equal([code, json.code], [5, "HOV_CLI_UNREACHABLE"])
})

function flipLast(artifact: Buffer): Buffer {
    artifact[artifact.length - 1] ^= 1
    return artifact
}

test.run()
