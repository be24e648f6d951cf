import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import { patchableInProcess } from "./support/replaced-program.ts"

/* Several images of one base: the next one while calls of the one before go on, back to it, the same one twice. */
const test = suite("several updates, forth and back")

/** Has any number of images, each behind its size, and goes from one to the other when it is asked to; 0 is the base. */
const loader = `
import { activate, deactivate, type Fault, loadImage, LoadedImage, onFault, setMachineUp } from "./index"
const slot = hex\`${Buffer.from("HANDOVER-TEST-IMAGE-SLOT").toString("hex")}\`
const images: LoadedImage[] = []
export async function go(n: number, trial: boolean) {
    if (n === 0) deactivate()
    else await activate(images[n - 1], { trial, reason: "hot", version: "v" + n })
}
await setMachineUp()
if (slot.length !== 24)
    for (let at = 0; at < slot.length; at += 4 + slot.getAt(at, "u32"))
        images.push(await loadImage(slot.slice(at + 4, at + 4 + slot.getAt(at, "u32"))))
onFault((fault: Fault) => console.log("fault " + fault.message))
`

/** A line that ends in `// 0 1` is of these versions only. */
const source = (version: number) =>
    `import * as ds from "@devicescript/core"
import { oldCalls } from "./hotswap/index"
import { go } from "./hotswap/test-loader"
class Point {
    x = 1
    z = 10 // 1
    z = 20 // 2
    w = 5 // 2
}
const point = new Point()
async function work(n: number) {
    await ds.sleep(20)
    console.log("v0 " + n) // 0
    console.log("v1 " + n) // 1
    console.log("v2 " + n) // 2
}
async function risky(n: number): Promise<string> {
    await ds.sleep(5)
    if (n > 0) throw new Error("v1 throws") // 1
    return "base " + n // 0
    return "v1 " + n // 1
    return "v2 " + n // 2
}
async function tell(n: number) {
    console.log(await risky(n))
}
function fields(): string {
    return "x " + point.x // 0
    return "z " + point.z // 1
    return "z " + point.z + " w " + point.w // 2
}
function old(): string {
    return oldCalls().map(c => c[3]).join(",")
}
async function calls() {
    work.start(0)
    await ds.sleep(1)
    await go(1, false)
    work.start(1)
    await ds.sleep(1)
    await go(2, false)
    work.start(2)
    await ds.sleep(1)
    console.log("third: " + old())
    await go(1, false)
    console.log("back to the second: " + old())
    await go(1, false)
    console.log("the same again: " + old())
    await go(0, false)
    console.log("base: " + old())
    await go(2, false)
    console.log("third again: " + old())
    await ds.sleep(30)
    console.log("end: " + old())
    await go(0, false)
}
async function throws() {
    await go(1, false)
    tell.start(7)
    await ds.sleep(1)
    await go(2, true)
    await ds.sleep(10)
    console.log("current " + (await risky(8)))
    await go(0, false)
}
async function layouts() {
    console.log(fields())
    await go(1, false)
    console.log(fields())
    await go(2, false)
    console.log(fields())
    await go(1, false)
    console.log(fields())
    await go(0, false)
    console.log(fields(), Object.keys(point).join())
}
async function again() {
    for (let i = 0; i < 50; ++i) {
        await go(1 + (i & 1), false)
        await go(1 + (i & 1), false)
        if (i % 3 === 0) await go(0, false)
    }
    await go(0, false)
    work.start(9)
    await ds.sleep(30)
}
await calls()
console.log("---")
await throws()
console.log("---")
await layouts()
console.log("---")
await again()
console.log("done")
`
        .split("\n")
        .filter(line => {
            const only = / \/\/ ([\d ]+)$/.exec(line)
            return !only || only[1].split(" ").includes(`${version}`)
        })
        .join("\n")

let parts: string[][] = []

test.before(async () => {
    const build = (version: number) => patchableInProcess({ "program.ts": source(version), "hotswap/test-loader.ts": loader })
    const base = build(0)
    const images = [1, 2].flatMap(version => {
        const { file } = buildUpdate(base.base, build(version).base.program, { sequence: version })
        const size = Buffer.alloc(4)
        size.writeUInt32LE(file.length)
        return [size, file]
    })
    const { lines } = await runProgram(base.withImage(Buffer.concat(images)), { until: /^> done/, clock: "virtual" })
    const printed = lines.filter(l => /^(> |! )/.test(l)).map(l => l.replace(/^> /, ""))
    if (printed[printed.length - 1] !== "done") console.error(printed.slice(-12).join("\n"))
    parts = [[]]
    for (const line of printed) line === "---" ? parts.push([]) : parts[parts.length - 1].push(line)
})

test("a third one while calls of the first go on: each call ends in its own code, and the ledger names the image of each", () => {
    assert.equal(parts[0], [
        "third: -1,1",
        "back to the second: -1,2",
        "the same again: -1,2",
        "base: 1,2",
        "third again: -1,1",
        "v0 0",
        "v1 1",
        "v2 2",
        "end: ",
    ])
})

test("a call of an image that is no longer current throws: made again on the base's code, and the current image is not blamed", () => {
    assert.equal(parts[1].filter(l => !l.includes("HOV")), ["base 7", "current v2 8"])
})

test("objects get the fields of each layout once, and keep what they have on the way back", () => {
    assert.equal(parts[2], ["x 1", "z 10", "z 10 w 5", "z 10", "x 1 x,z,w"])
})

test("the same image twice, and many times back and forth, ends in the base's code", () => {
    assert.equal(parts[3], ["v0 9", "done"])
})

test.run()
