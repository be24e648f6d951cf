/** How long no program runs: a cold update over the air, and the same image by the stock tools' own path, each on its own board. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { type Board, createBoard } from "../../sim/index.ts"
import { boardSeed, WsskChannel } from "../../cloud/wssk/channel.ts"
import { Deploy, Wssk } from "../../cloud/wssk/deploy.ts"
import { WebSocketPeer } from "../../cloud/wssk/web-socket.ts"
import { DEPLOY_ALIGN_BYTES } from "../../toolchain/format/cold-image.ts"
import { bindNativeCloud } from "../../toolchain/link/native-cloud.ts"
import { buildProgram } from "../../test/support/build-program.ts"
import { ColdBench } from "../../test/support/cold-bench.ts"
import { stockDeploy } from "./stock-deploy.ts"

const WAIT_MS = 60_000

export interface Downtime {
    readonly sizeBytes: number
    readonly downtimeMs: number
    readonly stockDowntimeMs: number
}

/** From the line with which the runtime stops the old program to the first line of the new one. */
async function stopped(board: Board, first: RegExp, deploy: () => Promise<unknown>): Promise<number> {
    await board.waitForLine(/tick/, WAIT_MS)
    const ends = board.waitForLog(/^\* stop program/, WAIT_MS)
    const begins = ends.then(() => board.waitForLog(first, WAIT_MS))
    await deploy()
    return (await begins).tMs - (await ends).tMs
}

/** The whole of it: a base with its resident, told by the server, against the stock deploy of that base. */
export async function wholeBase(runs: number, flashTiming: boolean): Promise<Downtime> {
    const bench = await ColdBench.open()
    try {
        const [one, two] = [await bench.base("one", "1.0.0"), await bench.base("two", "2.0.0")]
        await bench.release(one, two, 1)
        const ours: number[] = []
        const stock: number[] = []
        for (let run = 0; run < runs; run++) {
            const first = await bench.started(one, { deviceId: deviceId(2 * run), flashTiming })
            ours.push(await stopped(first.board, /app two/, () => bench.cloud.must(202, "POST", `/devices/${first.id}/update`, { version: "2.0.0" })))
            await first.board.powerOff()
            const second = await bench.started(one, { deviceId: deviceId(2 * run + 1), flashTiming })
            stock.push(await stopped(second.board, /app two/, () => stockDeploy(second.board, two.file)))
            await second.board.powerOff()
        }
        return { sizeBytes: two.file.length, downtimeMs: median(ours), stockDowntimeMs: median(stock) }
    } finally {
        await bench.close()
    }
}

/** 16 KB, without a resident: the two ways to write it alone. */
export async function sixteenKilobytes(runs: number, flashTiming: boolean): Promise<Downtime> {
    const key = randomBytes(32)
    const ours: number[] = []
    const stock: number[] = []
    let connected: () => void = () => undefined
    let ready: Promise<void> = Promise.resolve()
    let two: Uint8Array = new Uint8Array()
    const server = createServer()
    server.on("upgrade", (request, socket, head) => {
        const seed = boardSeed(request.headers["sec-websocket-protocol"]) as Buffer
        WebSocketPeer.accept(request, socket, head, peer => deployTo(peer, seed, key, two, connected, ready))
    })
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    const address = `ws://wssk:${key.toString("hex")}@127.0.0.1:${(server.address() as AddressInfo).port}/wssk/board`
    try {
        const one = await ballast("one", address)
        two = await ballast("two", address)
        for (let run = 0; run < 2 * runs; run++) {
            let begin: () => void = () => undefined
            ready = new Promise(resolve => (begin = resolve))
            const isConnected = new Promise<void>(resolve => (connected = resolve))
            const board = await createBoard({ deviceId: deviceId(100 + run), program: one, flashTiming })
            try {
                await board.powerOn()
                await isConnected
                if (run % 2 === 0) ours.push(await stopped(board, /app two/, async () => begin()))
                else stock.push(await stopped(board, /app two/, () => stockDeploy(board, two)))
            } finally {
                await board.close()
            }
        }
    } finally {
        server.close()
    }
    return { sizeBytes: two.length, downtimeMs: median(ours), stockDowntimeMs: median(stock) }
}

/** Resolves `connected` when the board has proved its key, and deploys when `ready` says so. */
function deployTo(peer: WebSocketPeer, seed: Buffer, key: Buffer, program: Uint8Array, connected: () => void, ready: Promise<void>): void {
    const channel = new WsskChannel(key, seed)
    const deploy = new Deploy(program)
    peer.onMessage = message => {
        if (!channel.proved) {
            peer.send(channel.prove(message) as Buffer)
            connected()
            void ready.then(() => peer.sendAll(deploy.start().send.map(m => channel.seal(m))))
            return
        }
        const text = channel.open(message)
        if (text === undefined) throw new Error("the board's message does not open")
        if (text[0] === Wssk.pingCloud) return peer.send(channel.seal(Buffer.of(Wssk.pingCloud)))
        const next = deploy.take(text).send
        if (next.length > 0) peer.sendAll(next.map(m => channel.seal(m)))
    }
    peer.send(channel.hello)
}

/** A program of 16 KB, give or take a block, that lends its adapter the address. */
async function ballast(name: string, address: string): Promise<Uint8Array> {
    const bytes = randomBytes(14_300).toString("hex")
    const service = readFileSync(new URL("../../services/native-cloud.md", import.meta.url), "utf8")
    const { devs } = await buildProgram(
        `
import * as ds from "@devicescript/core"
const ballast = hex\`${bytes}\`
console.log("app ${name}")
const native = new ds.NativeCloud()
setInterval(async () => { console.log("tick ${name} " + ballast.length) }, 100)
await native.setAddress("${address}")
`,
        { projectFiles: { "services/native-cloud.md": service } },
    )
    const program = Buffer.alloc(Math.ceil(devs.length / DEPLOY_ALIGN_BYTES) * DEPLOY_ALIGN_BYTES)
    program.set(devs)
    bindNativeCloud(program)
    return program
}

const deviceId = (n: number): string => `12abdd22894${(0x20000 + n).toString(16)}`

function median(values: readonly number[]): number {
    const sorted = [...values].sort((a, b) => a - b)
    const middle = sorted.length >> 1
    return Math.round((sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2) * 10) / 10
}
