/** Jacdac frames at the bootloader's service of virtual boards: they go on, and answer what they are asked. */
import fc from "fast-check"
import { writePacket } from "../../cli/jacdac/bootloader-client.ts"
import { commandFrame, framePackets } from "../../cli/jacdac/frames.ts"
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
/** Most of the time is waiting for an answer, so many boards are asked at once. */
const BOARDS = 12
const PHASE = 0x1180
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
    command: fc.oneof(fc.constantFrom(0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87), fc.nat(0xffff), fc.nat(0x1ff).map(n => 0x1000 | n), fc.nat(0x1ff).map(n => 0x2000 | n)),
    payload: fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        fc.uint8Array({ maxLength: 220 }),
        fc.tuple(fc.oneof(fc.constantFrom(0, 83, 4096, 0xffffffff, 0x80000000), fc.nat(10_000)), fc.uint8Array({ maxLength: 200 })).map(([first, rest]) => {
            const size = Buffer.alloc(4)
            size.writeUInt32LE(first)
            return Buffer.concat([size, rest])
        }),
        // pieces that fit their check
        fc.tuple(fc.oneof(fc.constantFrom(0, 200, 0xffffffff), fc.nat(2000)), fc.uint8Array({ maxLength: 200 })).map(([offset, data]) => writePacket(offset, data)),
    ),
})

export const busFuzz: FuzzTarget = {
    name: "Jacdac packets of the bootloader service",
    share: 1,
    async run(seed, count) {
        const bench = await DeviceBench.open({ "main.ts": MAIN })
        const outcomes = new Outcomes()
        try {
            const inputs = samplesOf(packet, seed, count)
            await Promise.all(Array.from({ length: Math.min(BOARDS, Math.ceil(count / FRAMES_AT_ONCE)) }, (_, i) => fuzzBoard(bench, i, inputs, outcomes)))
        } finally {
            await bench.close()
        }
        return outcomes.result
    },
}

/** Takes groups of packets from `inputs` until there are none; a finding ends it, for its board may be in any state. */
async function fuzzBoard(bench: DeviceBench, number: number, inputs: Iterator<Packet>, outcomes: Outcomes): Promise<void> {
    const board = await bench.started({ deviceId: `12abdd22894212${(0x34 + number).toString(16)}` })
    let starts = 0
    board.onLine(line => {
        const text = typeof line === "string" ? line : String((line as { text?: string }).text)
        if (/HOV boot|panic|xception/i.test(text)) starts++
        const state = /HOV state state=(\w+).*code=(\S*)/.exec(text)
        if (state) outcomes.counts[`${state[1]} ${state[2]}`] = (outcomes.counts[`${state[1]} ${state[2]}`] ?? 0) + 1
    })
    const place = await findService(board)
    for (;;) {
        const group: Packet[] = []
        for (let next = inputs.next(); !next.done; next = inputs.next()) if (group.push(next.value) === FRAMES_AT_ONCE) break
        if (group.length === 0) return
        for (const { command, payload } of group) board.sendFrame(commandFrame(place.deviceId, place.serviceIndex, command, payload))
        const alive = await answers(board, place)
        outcomes.saw(alive ? "answered afterwards" : "silent", group.length)
        if (alive && starts === 0) continue
        outcomes.found(`${alive ? "restarted" : "silent"} after ${group.map(p => `${p.command.toString(16)}:${Buffer.from(p.payload).toString("hex")}`).join(" ")}`)
        return
    }
}

interface Place {
    readonly deviceId: string
    readonly serviceIndex: number
}

/** The announcement (service 0, report 0) names the classes of a device's services. */
function findService(board: Board): Promise<Place> {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("the board did not announce the bootloader's service")), 10_000)
        const off = board.onFrame(bytes => {
            for (const { deviceId, isCommand, serviceIndex, command, data } of framePackets(bytes)) {
                if (isCommand || serviceIndex !== 0 || command !== 0) continue
                for (let at = 4; at + 4 <= data.length; at += 4) {
                    if (data.readUInt32LE(at) !== SERVICE_CLASS) continue
                    clearTimeout(timer)
                    off()
                    resolve({ deviceId, serviceIndex: at / 4 })
                }
            }
        })
    })
}

/** Reads a register that the service has and waits for the report. */
function answers(board: Board, { deviceId, serviceIndex }: Place): Promise<boolean> {
    return new Promise(resolve => {
        const question = commandFrame(deviceId, serviceIndex, PHASE, new Uint8Array())
        const again = setInterval(() => board.sendFrame(question), 200)
        const timer = setTimeout(() => done(false), ANSWER_MS)
        const off = board.onFrame(bytes => {
            if (framePackets(bytes).some(p => !p.isCommand && p.serviceIndex === serviceIndex && p.command === PHASE)) done(true)
        })
        const done = (alive: boolean) => {
            clearInterval(again)
            clearTimeout(timer)
            off()
            resolve(alive)
        }
        board.sendFrame(question)
    })
}
