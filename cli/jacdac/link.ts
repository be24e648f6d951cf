import { connect } from "node:net"
import { CliError } from "../cli-error.ts"
import { EXIT } from "../exit-codes.ts"

/** Something that carries Jacdac frames: the development tools' bridge, or a simulated board. */
export interface JacdacLink {
    send(frame: Uint8Array): void
    /** Returns what ends it. */
    onFrame(listener: (frame: Uint8Array) => void): () => void
    close(): void
}

const CONNECT_MS = 5000

/** @param bridge HOST:PORT, as `--bridge` says it */
export async function linkTo(bridge: string): Promise<JacdacLink> {
    const [, host, port] = /^(.+):(\d+)$/.exec(bridge) ?? []
    if (!port) throw new CliError("HOV_CLI_USAGE", `--bridge is HOST:PORT, not "${bridge}"`)
    return await bridgeLink(host, Number(port))
}

/**
 * The TCP bridge of `devicescript devtools`, which has the boards on USB and its simulator: a length byte before each
 * frame, both ways.
 */
export async function bridgeLink(host: string, port: number): Promise<JacdacLink> {
    const socket = connect({ host, port })
    socket.setNoDelay()
    await new Promise<void>((resolve, reject) => {
        const fail = (why: string) => {
            socket.destroy()
            reject(new CliError("HOV_CLI_UNREACHABLE", `no Jacdac bridge at ${host}:${port} (${why}): start "npx devicescript devtools", or name it with --bridge HOST:PORT`, EXIT.unreachable))
        }
        const timer = setTimeout(() => fail("no answer"), CONNECT_MS)
        socket.once("connect", () => {
            clearTimeout(timer)
            resolve()
        })
        socket.once("error", e => {
            clearTimeout(timer)
            fail(e.message)
        })
    })
    const listeners = new Set<(frame: Uint8Array) => void>()
    let rest = Buffer.alloc(0)
    socket.on("error", () => socket.destroy())
    socket.on("data", data => {
        rest = Buffer.concat([rest, data])
        while (rest.length > 0) {
            // 255 stands before a length of 16 bits: a larger message that is no Jacdac frame
            const isLarge = rest[0] === 255
            if (isLarge && rest.length < 3) return
            const start = isLarge ? 3 : 1
            const end = start + (isLarge ? rest.readUInt16LE(1) : rest[0])
            if (rest.length < end) return
            const frame = rest.subarray(start, end)
            rest = rest.subarray(end)
            if (!isLarge) for (const listener of [...listeners]) listener(frame)
        }
    })
    return {
        send: frame => void socket.write(Buffer.concat([Buffer.of(frame.length), frame])),
        onFrame(listener) {
            listeners.add(listener)
            return () => listeners.delete(listener)
        },
        close: () => socket.destroy(),
    }
}
