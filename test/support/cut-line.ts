/**
 * A line to a server that can be cut and mended (connections end, and no new one is taken meanwhile), cut once after so
 * many bytes to the client, or kept to connections that begin in one way.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"

export class CutLine {
    readonly #server: Server
    readonly #sockets = new Set<Socket>()
    #isCut = false
    /** The connection that brings the next byte after so many, counted over all of them from here on, is cut, once. */
    #bytesToCut = Number.POSITIVE_INFINITY
    #onlyWhatBegins: string | undefined
    /** Connections cut by `cutAfter`. */
    cuts = 0

    private constructor(server: Server) {
        this.#server = server
    }

    static async to(target: string): Promise<CutLine> {
        const { hostname, port } = new URL(target)
        const server = createServer({ allowHalfOpen: false })
        const line = new CutLine(server)
        server.on("connection", client => {
            if (line.#isCut) {
                client.destroy()
                return
            }
            const far = connect(Number(port), hostname)
            client.once("data", first => {
                if (line.#onlyWhatBegins !== undefined && !first.toString("latin1").startsWith(line.#onlyWhatBegins)) client.destroy()
                else far.write(first)
                client.pipe(far)
            })
            far.on("data", bytes => {
                line.#bytesToCut -= bytes.length
                if (line.#bytesToCut >= 0) return void client.write(bytes)
                line.#bytesToCut = Number.POSITIVE_INFINITY
                line.cuts++
                client.destroy()
            })
            for (const [one, other] of [[client, far], [far, client]] as const) {
                line.#sockets.add(one)
                one.on("error", () => other.destroy())
                one.on("end", () => other.end())
                one.on("close", () => {
                    line.#sockets.delete(one)
                    other.destroy()
                })
            }
        })
        await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
        return line
    }

    get url(): string {
        return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    }

    cut(): void {
        this.#isCut = true
        for (const socket of this.#sockets) socket.destroy()
    }

    mend(): void {
        this.#isCut = false
    }

    /** The connection on which the client has its so many bytes is cut, once. */
    cutAfter(bytes: number): void {
        this.#bytesToCut = bytes
    }

    /** New connections whose first bytes are others are ended; undefined lets all through. Those that are open end now. */
    letOnly(beginning: string | undefined): void {
        this.#onlyWhatBegins = beginning
        if (beginning !== undefined) for (const socket of this.#sockets) socket.destroy()
    }

    async close(): Promise<void> {
        this.cut()
        await new Promise(resolve => this.#server.close(resolve))
    }
}
