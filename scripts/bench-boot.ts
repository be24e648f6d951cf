/**
 * From power-on to the app's first line: with the resident (R, and an image of each size in a bank) against the plain
 * program without it, on simulated boards, in turns.
 *
 *   npm run bench:boot -- [--rounds 5] [--json]
 *
 * Exit code 1 when the resident costs more than 1.2 s.
 */
import { parseArgs } from "node:util"
import { demoVersions, projectDir } from "../cli/demo/versions.ts"
import { type Board, type ChipName, createBoard } from "../sim/index.ts"
import { DeviceBench } from "../test/support/device-bench.ts"
import { buildProject } from "../toolchain/build-project.ts"
import { serializeDevs } from "../toolchain/devs/image.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import { type LinkedBase, linkBase } from "../toolchain/link/link-base.ts"

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, json: { type: "boolean", default: false } } })
const rounds = Number(values.rounds)
const LIMIT_MS = 1200
const DEADLINE_MS = 20_000
const FIRST_LINE = /^> app starts/
const CHIP: ChipName = "esp32"

let base: LinkedBase | undefined
let images: Buffer[] = []
const bench = await DeviceBench.openWith(async publicKey => {
    const linked = linkBase(await buildProject({ projectDir, trustedKeys: [publicKey] }), "1.0.0")
    base = linked
    const next = await buildProject({ projectDir, trustedKeys: [publicKey], overlay: demoVersions(undefined)[0].overlay })
    images = [buildUpdate(linked, next, { sequence: 1 }), buildUpdate(linked, next, { sequence: 1, replaceAll: true })].map(update => Buffer.from(update.file))
    return { program: linked.file, baseId: Buffer.from(linked.baseId).toString("hex") }
})
if (!base) throw new Error("no base")
const plain = (await buildProject({ projectDir, overlay: { "src/main.ts": 'import "./app"\n' } })).image

/** The flash of a board that runs the image from a bank. */
async function stored(image: Buffer): Promise<Uint8Array> {
    const board = await bench.started({ chip: CHIP })
    bench.server.give(bench.update(image, { sequence: 1, version: "1.1.0" }))
    await board.waitForLine(/HOV persisted/, DEADLINE_MS)
    await board.powerOff()
    bench.server.reset()
    return board.flash.contents()
}

async function bootMs(board: Board): Promise<number> {
    const onMs = performance.now()
    await board.powerOn()
    const took = (await board.waitForLog(FIRST_LINE, DEADLINE_MS)).tMs - onMs
    await board.powerOff()
    return took
}

const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]
const deviceId = "12abdd2289421234"
const boards: { name: string; board: Board; times: number[] }[] = [
    { name: "plain program", board: await createBoard({ deviceId, chip: CHIP, program: serializeDevs(plain), settings: { hLog: 1 } }), times: [] },
    { name: "resident, R", board: await bench.board({ chip: CHIP, program: base.file }), times: [] },
]
for (const image of images) boards.push({ name: `resident, ${image.length} B in a bank`, board: await bench.board({ chip: CHIP, program: undefined, settings: {}, flash: await stored(image) }), times: [] })
try {
    // the first power-on formats and writes the program
    for (const { board } of boards) await bootMs(board)
    for (let round = 0; round < rounds; round++) for (const b of boards) b.times.push(await bootMs(b.board))
} finally {
    await boards[0].board.close()
    await bench.close()
}
const plainMs = median(boards[0].times)
const results = boards.map(({ name, times }) => ({ name, bootMs: Math.round(median(times)), moreMs: Math.round(median(times) - plainMs), worstMs: Math.round(Math.max(...times)) }))
const ok = results.every(r => r.moreMs <= LIMIT_MS)
if (values.json) process.stdout.write(`${JSON.stringify({ ok, chip: CHIP, rounds, limitMs: LIMIT_MS, results })}\n`)
else for (const r of results) process.stdout.write(`${r.name.padEnd(30)} ${String(r.bootMs).padStart(5)} ms from power-on to the app's first line, ${r.moreMs} more than without the resident (worst ${r.worstMs})\n`)
process.exitCode = ok ? 0 : 1
