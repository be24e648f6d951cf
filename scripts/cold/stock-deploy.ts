/** `devs deploy` as the stock tools do it: the manager's deploy command and a pipe of Jacdac packets, each acknowledged. */
import type { Board } from "../../sim/index.ts"
import { commandFrame, FLAG_ACK_REQUESTED, framePackets } from "../../cli/jacdac/frames.ts"

const MANAGER_CLASS = 0x1134ea2b
const CMD_DEPLOY = 0x80
const ACK_SERVICE = 0x3f
const PIPE_SERVICE_INDEX = 0x3e
const FLAG_CLOSE = 1 << 5
const COUNTER_MASK = 31
const PORT_SHIFT = 7
/** What the tools send in one packet. */
const CHUNK_BYTES = 224
const WAIT_MS = 10_000

export async function stockDeploy(board: Board, program: Uint8Array): Promise<void> {
    const manager = await findService(board, MANAGER_CLASS)
    const size = Buffer.alloc(4)
    size.writeUInt32LE(program.length)
    const answer = await exchange(board, commandFrame(manager.deviceId, manager.index, CMD_DEPLOY, size), p => !p.isCommand && p.serviceIndex === manager.index && p.command === CMD_DEPLOY)
    const port = answer.data.readUInt16LE(0)
    let counter = 0
    const send = async (data: Uint8Array, flags: number) => {
        const command = (port << PORT_SHIFT) | flags | (counter++ & COUNTER_MASK)
        const frame = commandFrame(manager.deviceId, PIPE_SERVICE_INDEX, command, data, FLAG_ACK_REQUESTED)
        const crc = frame.readUInt16LE(0)
        await exchange(board, frame, p => !p.isCommand && p.serviceIndex === ACK_SERVICE && p.command === crc)
    }
    for (let at = 0; at < program.length; at += CHUNK_BYTES) await send(program.subarray(at, at + CHUNK_BYTES), 0)
    await send(new Uint8Array(), FLAG_CLOSE)
}

interface Seen {
    readonly deviceId: string
    readonly isCommand: boolean
    readonly serviceIndex: number
    readonly command: number
    readonly data: Buffer
}

function exchange(board: Board, frame: Buffer, isAnswer: (packet: Seen) => boolean): Promise<Seen> {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            off()
            reject(new Error(`no answer to ${frame.subarray(0, 20).toString("hex")}`))
        }, WAIT_MS)
        const off = board.onFrame(bytes => {
            const answer = framePackets(bytes).find(isAnswer)
            if (answer === undefined) return
            clearTimeout(timer)
            off()
            resolve(answer)
        })
        board.sendFrame(frame)
    })
}

async function findService(board: Board, serviceClass: number): Promise<{ deviceId: string; index: number }> {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            off()
            reject(new Error("the board did not announce its manager"))
        }, WAIT_MS)
        const off = board.onFrame(bytes => {
            for (const { deviceId, isCommand, serviceIndex, command, data } of framePackets(bytes)) {
                if (isCommand || serviceIndex !== 0 || command !== 0) continue
                for (let at = 4; at + 4 <= data.length; at += 4)
                    if (data.readUInt32LE(at) === serviceClass) {
                        clearTimeout(timer)
                        off()
                        return resolve({ deviceId, index: at / 4 })
                    }
            }
        })
    })
}
