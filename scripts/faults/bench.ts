import type { ServerResponse } from "node:http"
import type { Board, BoardOptions } from "../../sim/index.ts"
import { DeviceBench } from "../../test/support/device-bench.ts"

/** Says that it lives, and how long it was kept from it: what the updater may never stop. */
const APP = `
import * as ds from "@devicescript/core"
import { startResident } from "./resident"
import { Updater } from "./updater"
import { readSetting } from "@devicescript/settings"

await startResident()
let n = 0
setInterval(() => {
    n++
    if (n % 10 === 0) console.log("tick " + n)
}, 20)
`

/** A server of its own for each case, so that cases can run side by side. */
export function openBench(): Promise<DeviceBench> {
    return DeviceBench.open({ "main.ts": APP })
}

/** With a linked base in place of the plain loader. An image for the plain one is fetched, and refused when it is loaded. */
export function openLinkedBench(): Promise<DeviceBench> {
    return DeviceBench.openLinked({ "src/main.ts": APP }, async () => {})
}

export interface CaseContext {
    bench: DeviceBench
    seed: number
    start(options?: Partial<BoardOptions>): Promise<Board>
}

/** The app's loop runs: it prints again, twice. */
export async function appGoesOn(board: Board): Promise<void> {
    await board.waitForLine(/^> tick \d+$/, 10_000)
    await board.waitForLine(/^> tick \d+$/, 10_000)
}

export function refuse(response: ServerResponse, status: number, code: string): true {
    const body = JSON.stringify({ type: "about:blank", title: "no", status, code })
    response.writeHead(status, { "Content-Type": "application/problem+json", "Content-Length": body.length, Connection: "close" })
    response.end(body)
    return true
}
