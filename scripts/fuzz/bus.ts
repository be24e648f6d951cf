/** Jacdac frames at the bootloader's service of a virtual board: it goes on, and answers what it is asked. */
import fc from "fast-check"
import type { Board } from "../../sim/index.ts"
import { DeviceBench } from "../../test/support/device-bench.ts"
import { samplesOf } from "./mutate.ts"
import { Outcomes, type FuzzTarget } from "./target.ts"

const SERVICE_CLASS = 0x1a5de6b1
/**
 * The stock server library starts a fiber for each packet, and a reply takes 20 ms: some dozens at once fill its heap,
 * whatever they say. A bus that floods is not what is looked for here.
 */
const FRAMES_AT_ONCE = 6
const ANSWER_MS = 20_000
const MAIN = `
import { startResident } from "./resident"
import { startBootloaderServer } from "./dfu/bootloader-server"
startBootloaderServer()
await startResident()
`

interface Packet {
    readonly command: number
    readonly payload: Uint8Array
}

const packet: fc.Arbitrary<Packet> = fc.record({
    command: fc.oneof(fc.constantFrom(0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86), fc.nat(0xffff), fc.nat(0x1ff).map(n => 0x1000 | n), fc.nat(0x1ff).map(n => 0x2000 | n)),
    payload: fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        fc.uint8Array({ maxLength: 220 }),
        fc.tuple(fc.oneof(fc.constantFrom(0, 83, 4096, 0xffffffff, 0x80000000), fc.nat(10_000)), fc.uint8Array({ maxLength: 200 })).map(([first, rest]) => {
            const size = Buffer.alloc(4)
            size.writeUInt32LE(first)
            return Buffer.concat([size, rest])
        }),
    ),
})

export const busFuzz: FuzzTarget = {
    name: "Jacdac packets of the bootloader service",
    share: 0.05,
    async run(seed, count) {
        const bench = await DeviceBench.open({ "main.ts": MAIN })
        const outcomes = new Outcomes()
        try {
            const board = await bench.started()
            let starts = 0
            board.onLine(line => {
                const text = typeof line === "string" ? line : String((line as { text?: string }).text)
                if (/HOV boot|panic|xception/i.test(text)) starts++
                const state = /HOV state state=(\w+).*code=(\S*)/.exec(text)
                if (state) outcomes.counts[`${state[1]} ${state[2]}`] = (outcomes.counts[`${state[1]} ${state[2]}`] ?? 0) + 1
            })
            const deviceId = Buffer.from("12abdd2289421234", "hex").reverse()
            const place = await findService(board, deviceId)
            let group: Packet[] = []
            const flush = async () => {
                for (const { command, payload } of group) board.sendFrame(frame(place.id, place.index, command, payload))
                const alive = await asks(board, place.id, place.index)
                outcomes.saw(alive ? "answered afterwards" : "silent", group.length)
                if (!alive || starts > 0) {
                    outcomes.found(`${alive ? "restarted" : "silent"} after ${group.map(p => `${p.command.toString(16)}:${Buffer.from(p.payload).toString("hex")}`).join(" ")}`)
                    starts = 0
                }
                group = []
            }
            for (const one of samplesOf(packet, seed, count)) {
                group.push(one)
                if (group.length === FRAMES_AT_ONCE) await flush()
                if (outcomes.findings.length >= 3) break
            }
            if (group.length > 0) await flush()
        } finally {
            await bench.close()
        }
        return outcomes.result
    },
}

/** The first packet of a device's service 0 names the classes of its services. */
function findService(board: Board, fallbackId: Buffer): Promise<{ id: Buffer; index: number }> {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("the board did not announce the bootloader's service")), 10_000)
        const off = board.onFrame(bytes => {
            const f = Buffer.from(bytes)
            if (f[13] !== 0 || f.readUInt16LE(14) !== 0) return
            for (let at = 16, index = 0; at + 4 <= 16 + f[12]; at += 4, index++) {
                if (f.readUInt32LE(at) !== SERVICE_CLASS) continue
                clearTimeout(timer)
                off()
                resolve({ id: f.subarray(4, 12).length === 8 ? Buffer.from(f.subarray(4, 12)) : fallbackId, index })
            }
        })
    })
}

/** Reads a register that every server has and waits for the report. */
function asks(board: Board, id: Buffer, index: number): Promise<boolean> {
    const PHASE = 0x1180
    return new Promise(resolve => {
        const again = setInterval(() => board.sendFrame(frame(id, index, PHASE, new Uint8Array())), 200)
        const timer = setTimeout(() => done(false), ANSWER_MS)
        const off = board.onFrame(bytes => {
            const f = Buffer.from(bytes)
            for (let at = 12; at + 4 <= 12 + f[2]; at += (f[at] + 4 + 3) & ~3) if (f[at + 1] === index && f.readUInt16LE(at + 2) === PHASE && !(f[3] & 1)) done(true)
        })
        const done = (alive: boolean) => {
            clearInterval(again)
            clearTimeout(timer)
            off()
            resolve(alive)
        }
        board.sendFrame(frame(id, index, PHASE, new Uint8Array()))
    })
}

function frame(id: Buffer, index: number, command: number, payload: Uint8Array): Buffer {
    const size = (4 + payload.length + 3) & ~3
    const bytes = Buffer.alloc(12 + size)
    bytes[2] = size
    bytes[3] = 1 // a command
    bytes.set(id, 4)
    bytes[12] = payload.length
    bytes[13] = index
    bytes.writeUInt16LE(command, 14)
    bytes.set(payload, 16)
    bytes.writeUInt16LE(crc16(bytes.subarray(2)), 0)
    return bytes
}

function crc16(bytes: Uint8Array): number {
    let crc = 0xffff
    for (const byte of bytes) {
        let x = (crc >> 8) ^ byte
        x ^= x >> 4
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xffff
    }
    return crc
}
