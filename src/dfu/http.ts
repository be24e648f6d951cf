import * as ds from "@devicescript/core"
import { connect, Socket } from "@devicescript/net"
import { noteDate } from "./policy"

/*
 * HTTP/1.1 over the board's one socket: keep-alive, Content-Length only, a limit on
 * every size and a deadline on every wait. `fetch` of @devicescript/net has neither,
 * and loses the end of a body without Content-Length.
 *
 * Failures are errors whose message is a code: HOV_NET_CONNECT, HOV_NET_CLOSED,
 * HOV_NET_TIMEOUT, HOV_NET_CANCELLED, HOV_HTTP_HEADER, HOV_HTTP_LENGTH.
 */
export interface Server {
    host: string
    port: number
    tls: boolean
    /** What stands before every path, without a slash at its end. */
    prefix: string
}

export interface Response {
    status: number
    /** Empty when it went where `receiveInto` said. */
    body: Buffer
    sizeBytes: number
    /** Of the body: first 16 hex digits of its SHA-256, or "". */
    digest: string
    /** 0 = not given. */
    retryAfterS: number
}

const CONNECT_MS = 10000
const HEADER_MAX_BYTES = 1024
const PROBLEM_MAX_BYTES = 2048
/** How soon a wait notices that it is cancelled. */
const SLICE_MS = 200
const SEND_TRIES = 20

let socket: Socket
let connectedTo = ""
let cancelled = false
/** Something of the response has come. */
let answered = false
/** Where the body of the next success goes, so that it is in memory only once. */
let target: Buffer
let targetAt = 0
/** How much of it came before its connection broke. */
let partialBytes = 0

/** Undefined when it is not an http or https URL. */
export function parseUrl(url: string): Server | undefined {
    const tls = url.startsWith("https://")
    if (!tls && !url.startsWith("http://")) return undefined
    let rest = url.slice(tls ? 8 : 7)
    let prefix = ""
    const slash = rest.indexOf("/")
    if (slash >= 0) {
        prefix = rest.slice(slash)
        if (prefix.endsWith("/")) prefix = prefix.slice(0, prefix.length - 1)
        rest = rest.slice(0, slash)
    }
    let port = tls ? 443 : 80
    const colon = rest.indexOf(":")
    if (colon >= 0) {
        port = +rest.slice(colon + 1)
        rest = rest.slice(0, colon)
    }
    if (!rest || !(port > 0 && port < 65536)) return undefined
    return { host: rest, port, tls, prefix }
}

/** Ends the request that is waiting, with HOV_NET_CANCELLED. */
export function cancelRequest() {
    cancelled = true
}

/** The body of the next exchange goes into `buffer` from `at` on, when it is a success. */
export function receiveInto(buffer: Buffer, at: number) {
    target = buffer
    targetAt = at
}

/** How many bytes are in the target of an exchange that broke off. */
export function takePartial() {
    const n = partialBytes
    partialBytes = 0
    return n
}

/** Gives the socket back, so that the app can have it. */
export async function disconnect() {
    const s = socket
    socket = undefined
    if (s) await s.close()
}

/**
 * One exchange. `timeoutMs` is the longest silence, so a held poll passes more than it
 * holds for. A kept connection that turns out to be dead before any answer is opened once more.
 */
export async function exchange(
    server: Server,
    head: string,
    body: string,
    timeoutMs: number,
    maxBodyBytes: number
): Promise<Response> {
    cancelled = false
    answered = false
    partialBytes = 0
    const type = body ? "Content-Type: application/json\r\n" : ""
    const request = `${head}Host: ${server.host}\r\n${type}Content-Length: ${body.byteLength}\r\n\r\n${body}`
    const name = `${server.host}:${server.port}`
    if (socket && connectedTo !== name) await disconnect()
    const kept = !!socket
    try {
        return await once(server, name, request, timeoutMs, maxBodyBytes)
    } catch (e) {
        await disconnect()
        if (!kept || answered || (e as Error).message !== "HOV_NET_CLOSED") throw e
    }
    try {
        return await once(server, name, request, timeoutMs, maxBodyBytes)
    } catch (e) {
        await disconnect()
        throw e
    }
}

async function once(
    server: Server,
    name: string,
    request: string,
    timeoutMs: number,
    maxBodyBytes: number
): Promise<Response> {
    if (!socket) {
        try {
            socket = await connect({
                host: server.host,
                port: server.port,
                proto: server.tls ? "tls" : "tcp",
                timeout: CONNECT_MS,
            })
        } catch (e) {
            throw new Error("HOV_NET_CONNECT")
        }
        connectedTo = name
    }
    await send(request)
    return await receive(timeoutMs, maxBodyBytes)
}

/** `Socket.send` throws when the stack is busy, though the data can be sent later. */
async function send(data: string) {
    for (let i = 0; i < SEND_TRIES; ++i) {
        try {
            await socket.send(data)
            return
        } catch (e) {
            if (!(e as Error).message.endsWith("send error -1")) break
        }
        await ds.sleep(10)
    }
    throw new Error("HOV_NET_CLOSED")
}

async function piece(timeoutMs: number): Promise<Buffer> {
    let leftMs = timeoutMs
    while (leftMs > 0) {
        let data: Buffer
        try {
            data = await socket.recv(Math.min(leftMs, SLICE_MS))
        } catch (e) {
            data = null
        }
        // an answer that is here already may be a command
        if (data) return data
        if (cancelled) throw new Error("HOV_NET_CANCELLED")
        if (data === null) throw new Error("HOV_NET_CLOSED")
        leftMs -= SLICE_MS
    }
    throw new Error("HOV_NET_TIMEOUT")
}

async function receive(timeoutMs: number, maxBodyBytes: number): Promise<Response> {
    let data = await piece(timeoutMs)
    answered = true
    let end = endOfHeader(data)
    while (end < 0) {
        if (data.length > HEADER_MAX_BYTES) throw new Error("HOV_HTTP_HEADER")
        data = data.concat(await piece(timeoutMs))
        end = endOfHeader(data)
    }
    const header = data.slice(0, end).toString().toLowerCase()
    const status = +header.slice(9, 12)
    if (!header.startsWith("http/1.") || !(status >= 200 && status < 600))
        throw new Error("HOV_HTTP_HEADER")
    const size = +field(header, "content-length")
    // a refusal has a problem document for a body, whatever was asked for
    const maxBytes = status < 300 ? maxBodyBytes : Math.max(maxBodyBytes, PROBLEM_MAX_BYTES)
    // NaN compares false with everything: a missing length is refused as well
    if (!(size >= 0 && size <= maxBytes)) throw new Error("HOV_HTTP_LENGTH")
    const body = Buffer.alloc(target && status === 200 ? 0 : size)
    const into = body.length < size ? target : body
    const at = body.length < size ? targetAt : 0
    if (at + size > into.length) throw new Error("HOV_HTTP_LENGTH")
    let done = Math.min(data.length - end, size)
    let extra = data.length - end - done
    into.blitAt(at, data, end, done)
    noteDate(field(header, "date"))
    while (done < size) {
        try {
            data = await piece(timeoutMs)
        } catch (e) {
            if (into === target) partialBytes = done
            throw e
        }
        const n = Math.min(data.length, size - done)
        into.blitAt(at + done, data, 0, n)
        done += n
        extra += data.length - n
    }
    // bytes that nobody asked for would be taken for the next response
    if (extra || header.indexOf("\r\nconnection: close") >= 0) await disconnect()
    const sum = (field(header, "chunk-digest") || "").slice(1)
    return { status, body, sizeBytes: size, digest: sum, retryAfterS: +field(header, "retry-after") || 0 }
}

/** Where the body begins, or -1. */
function endOfHeader(data: Buffer) {
    let at = 0
    while (true) {
        at = data.indexOf(10, at) + 1
        if (at <= 0) return -1
        if (data[at] === 13 && data[at + 1] === 10) return at + 2
    }
}

function field(header: string, name: string) {
    const at = header.indexOf(`\r\n${name}:`)
    if (at < 0) return undefined
    const from = at + name.length + 3
    return header.slice(from, header.indexOf("\r\n", from))
}
