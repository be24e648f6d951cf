import * as assert from "node:assert/strict"
import { emptyFlash, writeSettings } from "../../sim/index.ts"
import { DEED, plainImage } from "../../test/support/plain-image.ts"
import { appGoesOn, type CaseContext, refuse } from "./bench.ts"

export interface FaultCase {
    name: string
    /** The state and message that it ends in, as a person reads it. */
    ends: string
    run(context: CaseContext): Promise<void>
}

const DEADLINE_MS = 20_000
/** An hour of the board's clock, which jumps over its sleeps, is about 60 exchanges. */
const HOUR_DEADLINE_MS = 120_000
const image = (sequence: number, sizeBytes = 400) => plainImage({ sequence, sizeBytes })
const isBlob = (url: string | undefined) => url?.includes("/v1/blobs/") === true

export const cases: FaultCase[] = [
    {
        name: "the server takes the connection and says nothing",
        ends: "retry HOV_NET_TIMEOUT, then the update",
        async run({ bench, start }) {
            let silent = true
            bench.server.intercept = () => silent
            const board = await start({ settings: { hPoll: 1 } })
            await board.waitForLine(/HOV retry code=HOV_NET_TIMEOUT/, DEADLINE_MS)
            silent = false
            await appGoesOn(board)
            bench.server.give(bench.update(image(1), { sequence: 1 }))
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
        },
    },
    {
        name: "nobody answers the connection",
        ends: "retry HOV_NET_CONNECT, then the update",
        async run({ bench, start }) {
            const board = await start({ network: { blackholeProbability: 1 } })
            await board.waitForLine(/HOV retry code=HOV_NET_CONNECT/, DEADLINE_MS)
            board.setNetwork({})
            await appGoesOn(board)
            bench.server.give(bench.update(image(1), { sequence: 1 }))
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
        },
    },
    {
        name: "half a response",
        ends: "the download goes on at the missing byte",
        async run({ bench, start }) {
            let halves = 0
            bench.server.intercept = (request, response) => {
                if (!isBlob(request.url) || halves >= 1) return false
                halves++
                response.writeHead(200, { "Content-Length": 1000 })
                response.write(Buffer.alloc(500))
                setTimeout(() => response.destroy(), 50)
                return true
            }
            const board = await start()
            bench.server.give(bench.update(image(1), { sequence: 1 }))
            await board.waitForLine(/HOV retry code=HOV_(NET_CLOSED|HTTP_LENGTH)/, DEADLINE_MS)
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
            await appGoesOn(board)
        },
    },
    {
        name: "a response of the wrong length",
        ends: "retry HOV_HTTP_LENGTH until it is right",
        async run({ bench, start }) {
            let wrong = 0
            bench.server.intercept = (request, response) => {
                if (!isBlob(request.url) || wrong >= 2) return false
                wrong++
                const body = Buffer.alloc(wrong === 1 ? 10 : 3000)
                response.writeHead(200, { "Content-Length": body.length })
                response.end(body)
                return true
            }
            const board = await start()
            bench.server.give(bench.update(image(1), { sequence: 1 }))
            await board.waitForLine(/HOV retry code=HOV_HTTP_LENGTH/, DEADLINE_MS)
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
            await appGoesOn(board)
        },
    },
    {
        name: "a blob that is short for ever",
        ends: "failed HOV_HTTP_LENGTH after five answers",
        async run({ bench, start }) {
            let short = 0
            bench.server.intercept = (request, response) => {
                if (!isBlob(request.url)) return false
                short++
                response.writeHead(200, { "Content-Length": 10 })
                response.end(Buffer.alloc(10))
                return true
            }
            const board = await start()
            bench.server.give(bench.update(image(1), { sequence: 1 }))
            assert.equal((await bench.server.waitForStatus(s => s.state === "failed", 60_000)).code, "HOV_HTTP_LENGTH")
            assert.equal(short, 5)
            bench.server.intercept = () => false
            bench.server.give(bench.update(image(2), { sequence: 2 }))
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
            await appGoesOn(board)
        },
    },
    {
        name: "an image with the wrong digest",
        ends: "failed HOV_IMAGE_DIGEST",
        async run({ bench, start }) {
            const board = await start()
            bench.server.give(bench.update(image(1), { sequence: 1, spoilImage: b => Buffer.from(b.map((x, i) => (i === 40 ? x ^ 1 : x))) }))
            assert.equal((await bench.server.waitForStatus(s => s.state === "failed", DEADLINE_MS)).code, "HOV_IMAGE_DIGEST")
            await appGoesOn(board)
        },
    },
    {
        name: "500 for an hour",
        ends: "fewer than 90 requests in it, then the update",
        async run({ bench, start }) {
            let requests = 0
            let broken = true
            bench.server.intercept = (_, response) => {
                if (!broken) return false
                requests++
                return refuse(response, 500, "HOV_TEST")
            }
            // the board's clock jumps over its sleeps while its socket is closed
            const board = await start({ skipSleeps: true })
            let waitedMs = 0
            board.onLine(line => {
                waitedMs += Number(/HOV retry .*ms=(\d+)/.exec(line)?.[1] ?? 0)
            })
            const end = performance.now() + HOUR_DEADLINE_MS
            while (waitedMs < 3_600_000 && performance.now() < end) await new Promise(resolve => setTimeout(resolve, 10))
            assert.ok(waitedMs >= 3_600_000, `only ${waitedMs} ms of the hour went by`)
            assert.ok(requests < 90, `${requests} requests in an hour`)
            broken = false
            bench.server.give(bench.update(image(1), { sequence: 1 }))
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
            await appGoesOn(board)
        },
    },
    {
        name: "503 with Retry-After",
        ends: "no request before its time",
        async run({ bench, start }) {
            const at: number[] = []
            bench.server.intercept = (_, response) => {
                at.push(performance.now())
                if (at.length > 1) return false
                response.writeHead(503, { "Content-Length": 0, "Retry-After": "4" })
                response.end()
                return true
            }
            const board = await start()
            await board.waitForLine(/HOV retry code=HOV_HTTP_503 failures=1 ms=4\d\d\d/, DEADLINE_MS)
            await appGoesOn(board)
            const end = performance.now() + DEADLINE_MS
            while (at.length < 2 && performance.now() < end) await new Promise(resolve => setTimeout(resolve, 20))
            assert.ok(at[1] - at[0] >= 3900, `${at[1] - at[0]} ms`)
        },
    },
    {
        name: "no such host",
        ends: "retry HOV_NET_CONNECT",
        async run({ start }) {
            const board = await start({ settings: { hUrl: "http://nobody.invalid:8080" } })
            await board.waitForLine(/HOV retry code=HOV_NET_CONNECT failures=2/, 30_000)
            await appGoesOn(board)
        },
    },
    {
        name: "a window and no clock",
        ends: "ready, until it is cancelled",
        async run({ bench, start }) {
            bench.server.intercept = (_, response) => {
                response.sendDate = false
                return false
            }
            const board = await start({ settings: { hPolicy: "00:00-23:59" } })
            bench.server.give(bench.update(image(1), { sequence: 1 }))
            await bench.server.waitForStatus(s => s.state === "ready", DEADLINE_MS)
            await appGoesOn(board)
            bench.server.give({ cmd: "cancel", id: "x" })
            await bench.server.waitForStatus(s => s.state === "idle" && s.code === "HOV_CANCELLED", DEADLINE_MS)
        },
    },
    {
        name: "a token that has expired",
        ends: "retry HOV_HTTP_401, then the update",
        async run({ bench, start }) {
            let expired = true
            bench.server.intercept = (_, response) => expired && refuse(response, 401, "HOV_TOKEN")
            const board = await start()
            await board.waitForLine(/HOV retry code=HOV_HTTP_401 failures=2/, DEADLINE_MS)
            await appGoesOn(board)
            expired = false
            bench.server.give(bench.update(image(1), { sequence: 1 }))
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
        },
    },
    {
        name: "a settings store that is full",
        ends: "failed HOV_STORE, or it runs from RAM with HOV_STORE; the version before is at the next start",
        async run({ bench, start }) {
            const flash = emptyFlash("rp2040")
            writeSettings(flash, { hUrl: bench.server.url, hToken: "device-token", hTrialMs: 1000, hPoll: 5, hJitter: 0, hLog: 1 })
            for (let i = 0; ; i++)
                try {
                    writeSettings(flash, { [`u${i}`]: new Uint8Array(180).fill(i + 1) })
                } catch {
                    break
                }
            const board = await start({ chip: "rp2040", flash, settings: {} })
            bench.server.give(bench.update(image(1, 1500), { sequence: 1 }))
            const status = await bench.server.waitForStatus(s => s.code === "HOV_STORE", 40_000)
            assert.ok(status.state === "failed" || status.state === "confirmed", status.state)
            await appGoesOn(board)
            await board.powerCycle()
            await board.waitForLine(/HOV boot slot=R v=1\.0\.0/, DEADLINE_MS)
            await appGoesOn(board)
        },
    },
    {
        name: "a url that is nonsense",
        ends: "offline, HOV_CONFIG_URL",
        async run({ start }) {
            const board = await start({ settings: { hUrl: "htp:/[x" } })
            await appGoesOn(board)
            assert.ok(board.lines().some(line => line.text.includes("HOV code code=HOV_CONFIG_URL")))
        },
    },
    {
        name: "two updates at once",
        ends: "the newer one runs",
        async run({ bench, start }) {
            const board = await start({ network: { latencyMs: 60 } })
            bench.server.give(bench.update(image(1, 3000), { sequence: 1 }))
            await bench.server.waitForStatus(s => s.state === "checking", DEADLINE_MS)
            const second = bench.update(image(2), { sequence: 2 })
            bench.server.give(second)
            // as the cloud does: again, until it sees an effect; one that comes during a trial is passed over
            const again = setInterval(() => bench.server.give(second), 3000)
            try {
                await bench.server.waitForStatus(s => s.state === "confirmed" && s.v === "1.2.0", 40_000)
            } finally {
                clearInterval(again)
            }
            await appGoesOn(board)
        },
    },
    {
        name: "a power cut in the middle of a large download",
        ends: "it goes on at the last chunk that its bank has",
        async run({ bench, start }) {
            const board = await start()
            const command = bench.update(image(1, 3500), { sequence: 1 })
            bench.server.give(command)
            await board.waitForLine(/HOV chunk done=2080/, DEADLINE_MS)
            await board.powerCycle()
            await board.waitForLine(/HOV boot slot=R/, DEADLINE_MS)
            bench.server.give(command)
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
            const bytes = bench.server.fetches.filter(f => f.startsWith(command.img.slice(0, 8))).reduce((sum, f) => sum + Number(f.split(" ")[2]), 0)
            assert.ok(bytes <= 3500 + 1040, `${bytes} bytes of the image were fetched`)
            await appGoesOn(board)
        },
    },
    {
        name: "a chunk that is not what the server says",
        ends: "retry HOV_HTTP_DIGEST, then the update",
        async run({ bench, start }) {
            let spoilt = 0
            bench.server.intercept = (request, response) => {
                if (!request.url?.includes(command.img) || spoilt++) return false
                const length = Number(new URL(request.url, "http://x").searchParams.get("length"))
                response.writeHead(200, { "Content-Length": length, "Chunk-Digest": "0123456789abcdef" })
                response.end(Buffer.alloc(length))
                return true
            }
            const board = await start()
            const command = bench.update(image(1, 3500), { sequence: 1 })
            bench.server.give(command)
            await board.waitForLine(/HOV retry code=HOV_HTTP_DIGEST/, DEADLINE_MS)
            await board.waitForLine(/HOV persisted/, DEADLINE_MS)
            await appGoesOn(board)
        },
    },
    ...["idle", "confirmed", "rolledBack", "failed"].map(
        (state): FaultCase => ({
            name: `a cancel while ${state}`,
            ends: `no effect: it stays ${state}, and the next update works`,
            async run({ bench, start }) {
                const board = await start()
                if (state === "confirmed") bench.server.give(bench.update(image(1), { sequence: 1 }))
                if (state === "rolledBack") bench.server.give(bench.update(plainImage({ sequence: 1, deed: DEED.throw }), { sequence: 1 }))
                if (state === "failed") bench.server.give(bench.update(image(1), { sequence: 1, spoilImage: b => Buffer.from(b.map((x, i) => (i === 40 ? x ^ 1 : x))) }))
                if (state !== "idle") await bench.server.waitForStatus(s => s.state === state, DEADLINE_MS)
                const statuses = bench.server.statuses.length
                bench.server.give({ cmd: "cancel", id: "x" })
                await board.waitForLine(/HOV command cmd=cancel/, DEADLINE_MS)
                await appGoesOn(board)
                assert.equal(bench.server.actuals.at(-1)?.state, state)
                assert.ok(!bench.server.statuses.slice(statuses).some(s => s.code === "HOV_CANCELLED"))
                bench.server.give(bench.update(image(2), { sequence: 2 }))
                await bench.server.waitForStatus(s => s.state === "confirmed" && s.v === "1.2.0", DEADLINE_MS)
            },
        }),
    ),
    ...["checking", "downloading", "ready", "trial"].map(
        (state): FaultCase => ({
            name: `a cancel while ${state}`,
            ends: state === "trial" ? "no effect: it runs already" : "idle HOV_CANCELLED, and the next update works",
            async run({ bench, start }) {
                let held = true
                bench.server.intercept = (request, response) => {
                    // the server is slow with what this state waits for
                    const signature = request.url?.includes(command.sig) === true
                    if (!held || !isBlob(request.url) || !(state === "checking" || (state === "downloading" && !signature))) return false
                    return refuse(response, 503, "HOV_TEST")
                }
                const board = await start({ settings: { hPolicy: state === "ready" ? "ask" : "auto" } })
                const command = bench.update(image(1), { sequence: 1 })
                bench.server.give(command)
                await bench.server.waitForStatus(s => s.state === state, DEADLINE_MS)
                bench.server.give({ cmd: "cancel", id: "x" })
                if (state === "trial") {
                    await board.waitForLine(/HOV persisted slot=A/, DEADLINE_MS)
                    return await appGoesOn(board)
                }
                assert.equal((await bench.server.waitForStatus(s => s.state === "idle", DEADLINE_MS)).code, "HOV_CANCELLED")
                held = false
                await appGoesOn(board)
                bench.server.give(bench.update(image(2), { sequence: 2 }))
                await bench.server.waitForStatus(s => s.id !== command.id && s.state === "ready", DEADLINE_MS)
            },
        }),
    ),
]
