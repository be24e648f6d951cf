import { connect, createServer, type AddressInfo, type Server } from "node:net"

/** Passes TCP on and keeps what went by: what somebody in the same network sees. */
export class RecordingProxy {
    readonly up: Buffer[] = []
    readonly down: Buffer[] = []
    private constructor(private readonly server: Server) {}

    static async to(targetUrl: string): Promise<RecordingProxy> {
        const { hostname, port } = new URL(targetUrl)
        const server = createServer(client => {
            const target = connect(Number(port), hostname)
            client.on("data", bytes => {
                proxy.up.push(bytes)
                target.write(bytes)
            })
            target.on("data", bytes => {
                proxy.down.push(bytes)
                client.write(bytes)
            })
            for (const [one, other] of [[client, target], [target, client]] as const) {
                one.on("error", () => other.destroy())
                one.on("close", () => other.end())
            }
        })
        const proxy = new RecordingProxy(server)
        await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
        return proxy
    }

    get url(): string {
        return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    }

    /** Everything that went by, as text in which a search finds bytes. */
    get text(): string {
        return Buffer.concat([...this.up, ...this.down]).toString("latin1")
    }

    close(): void {
        this.server.close()
    }
}
