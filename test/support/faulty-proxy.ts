/** HTTP passed on to a real server, with faults: what a network, a load balancer or a server in trouble does. */
import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"

export type Fault =
    | { readonly kind: "pass" }
    /** Answered by the proxy; the server never hears of it. */
    | { readonly kind: "status"; readonly status: number; readonly retryAfterS?: number }
    /** The server does it, and the client hears that it has failed. */
    | { readonly kind: "lost"; readonly status: number }
    | { readonly kind: "slow"; readonly ms: number }
    | { readonly kind: "hang" }
    | { readonly kind: "reset" }
    /** Half of the answer, then the end of the connection. */
    | { readonly kind: "cut" }

export interface FaultyProxy {
    readonly url: string
    /** Decides for each request; `pass` when left out. */
    fault: (method: string, path: string) => Fault
    /** Requests that came. */
    readonly requests: string[]
    close(): Promise<void>
}

export async function openFaultyProxy(targetUrl: string, port = 0): Promise<FaultyProxy> {
    const target = new URL(targetUrl)
    const requests: string[] = []
    const server = createServer((incoming, answer) => {
        const [method, path] = [incoming.method ?? "GET", incoming.url ?? "/"]
        requests.push(`${method} ${path}`)
        const parts: Buffer[] = []
        incoming.on("error", () => {})
        incoming.on("data", part => parts.push(part))
        incoming.on("end", () => {
            const fault = proxy.fault(method, path)
            if (fault.kind === "hang") return
            if (fault.kind === "reset") {
                incoming.socket.destroy()
                return
            }
            if (fault.kind === "status") {
                if (fault.retryAfterS !== undefined) answer.setHeader("retry-after", fault.retryAfterS)
                answer.writeHead(fault.status).end("no")
                return
            }
            const send = (): void => {
                const sent = request({ host: target.hostname, port: target.port, method, path, headers: { ...incoming.headers, host: target.host } }, response => {
                    const body: Buffer[] = []
                    response.on("data", part => body.push(part))
                    response.on("end", () => {
                        const bytes = Buffer.concat(body)
                        if (fault.kind === "lost") {
                            answer.writeHead(fault.status).end("lost")
                            return
                        }
                        const headers: Record<string, string | number> = { "content-length": bytes.length }
                        if (response.headers["content-type"] !== undefined) headers["content-type"] = response.headers["content-type"]
                        answer.writeHead(response.statusCode ?? 502, headers)
                        if (fault.kind !== "cut") answer.end(bytes)
                        else {
                            answer.write(bytes.subarray(0, bytes.length >> 1))
                            setImmediate(() => incoming.socket.destroy())
                        }
                    })
                })
                sent.on("error", () => incoming.socket.destroy())
                sent.end(Buffer.concat(parts))
            }
            if (fault.kind === "slow") setTimeout(send, fault.ms)
            else send()
        })
    })
    await new Promise<void>(resolve => server.listen(port, "127.0.0.1", resolve))
    const proxy: FaultyProxy = {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        fault: () => ({ kind: "pass" }),
        requests,
        close: () =>
            new Promise(resolve => {
                server.close(() => resolve())
                server.closeAllConnections()
            }),
    }
    return proxy
}
