/** New bases that do not work: how long until the base before runs again, by itself. */
import { ColdBench, coldMain } from "../../test/support/cold-bench.ts"

const WAIT_MS = 120_000
/** As in the tests: on a server of its own the default is two minutes. */
const CONFIRM_MS = 10_000

const FAULTS: [what: string, more: string][] = [
    ["panics at its start, again and again", ";(undefined as any).x()"],
    ["panics a while after its start, again and again", "setTimeout(async () => { (undefined as any).x() }, 250)"],
]

export interface FaultResult {
    readonly what: string
    /** From the new base's first line to the old one's. */
    readonly backMs: number
    readonly state: string
    readonly code: string | null
}

export async function faults(): Promise<FaultResult[]> {
    const bench = await ColdBench.open({ logLevel: "silent", timings: { coldConfirmMs: CONFIRM_MS } })
    try {
        const one = await bench.base("one", "1.0.0")
        return await Promise.all(
            FAULTS.map(async ([what, more], i) => {
                const bad = await bench.base(`bad${i}`, `3.${i}.0`, coldMain(`bad${i}`, more))
                await bench.release(one, bad, 1)
                const { board, id } = await bench.started(one, { deviceId: `12abdd2233${(0x100000 + i).toString(16)}` })
                await bench.cloud.must(202, "POST", `/devices/${id}/update`, { version: bad.version })
                const begins = await board.waitForLog(new RegExp(`app bad${i}`), WAIT_MS)
                const ends = await board.waitForLog(/app one/, WAIT_MS)
                const [command] = (await bench.shown(id)).commands
                return { what, backMs: Math.round(ends.tMs - begins.tMs), state: command.state, code: command.code }
            }),
        )
    } finally {
        await bench.close()
    }
}
