/** A line to a server that can be cut and mended: connections end, and no new one is taken meanwhile. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"

export class CutLine {
    readonly #server: Server
    readonly #sockets = new Set<Socket>()
    #isCut = false

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
            for (const [one, other] of [[client, far], [far, client]] as const) {
                line.#sockets.add(one)
                one.pipe(other)
                one.on("error", () => other.destroy())
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

    async close(): Promise<void> {
        this.cut()
        await new Promise(resolve => this.#server.close(resolve))
    }
}
