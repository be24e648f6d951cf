import fc from "fast-check"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { swappedBySelf, withSeed } from "./support/swap-program.ts"

/*
 * Random heaps: objects of three classes with links, cycles and aliases. One class is migrated by a declared rule that
 * renames a field and changes its meaning, one gets new fields by itself, one inherits from the first.
 */
const program = `
import { migrate } from "./hotswap/migration"

class Node {
    id: number
    x: number // before
    size: number // after
    next: Node
    leaf: Leaf
    constructor(id: number, x: number) {
        this.id = id
        this.x = x // before
        this.size = x * 10 + 1 // after
    }
}

class Wide extends Node {
    width: number
    constructor(id: number, x: number) {
        super(id, x)
        this.width = id * 2
    }
}

class Leaf {
    value: number
    color = "green" // after
    weight: number = undefined // after
    owner: Node
    constructor(value: number) {
        this.value = value
    }
}

migrate(Node, { to: 2, up: (n: any) => { n.size = n.x * 10 + 1; delete n.x }, down: (n: any) => { n.x = (n.size - 1) / 10; delete n.size } }) // after

let random = 0
function pick(n: number): number {
    random = (random * 1103 + 12345) & 0x7fff
    return (random >> 4) % n
}

function makeHeap(): Node[] {
    const nodes: Node[] = []
    const count = 1 + pick(20)
    for (let i = 0; i < count; ++i) nodes.push(pick(3) ? new Node(i, pick(50)) : new Wide(i, pick(50)))
    for (const n of nodes) {
        if (pick(4)) n.next = nodes[pick(count)]
        if (pick(2)) {
            n.leaf = new Leaf(pick(9))
            if (pick(2)) n.leaf.owner = nodes[pick(count)]
        } else if (pick(2)) n.leaf = nodes[pick(count)].leaf
    }
    return nodes
}

/** What the old code sees, but for the new fields of a Leaf: those stay on an object that has got them. */
function dump(nodes: any[]): string {
    let text = ""
    for (const n of nodes) {
        const keys = Object.keys(n)
        for (const name of ["id", "x", "next", "leaf", "width"]) if (keys.indexOf(name) >= 0) text += name
        text += keys.length + " " + n.id + " " + n.x + " " + (n.next ? n.next.id : "-") + " " + (n instanceof Wide ? n.width : "")
        if (n.leaf) text += " leaf " + n.leaf.value + (n.leaf.owner ? " of " + n.leaf.owner.id : "") + (n.leaf instanceof Leaf)
        text += ";"
    }
    return text
}

function look(n: Node): number {
    return n.x // before
    return n.size + (n.leaf && n.leaf.color !== "green" ? 1000 : 0) // after
}

function grow(n: Node, by: number) {
    n.x += by // before
    n.size += by * 10 // after
    if (n.leaf) {
        n.leaf.value += by
        n.leaf.weight = by // after
    }
}

function relink(nodes: Node[], from: number, to: number) {
    nodes[from].next = nodes[to]
    if (nodes[to].leaf) nodes[to].leaf.owner = nodes[from]
    nodes[to].x = nodes[from].x // before
    nodes[to].size = nodes[from].size // after
}

function append(nodes: Node[]) {
    const n = pick(2) ? new Node(nodes.length, pick(50)) : new Wide(nodes.length, pick(50))
    n.next = nodes[0]
    nodes.push(n)
}

async function operate(nodes: Node[]) {
    const count = pick(25)
    for (let i = 0; i < count; ++i) {
        const kind = pick(4)
        if (kind === 0) append(nodes)
        else if (kind === 1) relink(nodes, pick(nodes.length), pick(nodes.length))
        else if (kind === 2) grow(nodes[pick(nodes.length)], pick(7))
        else look(nodes[pick(nodes.length)])
    }
    await ds.sleep(1)
}

function report(what: string, one: string, other: string) {
    console.log(what + (one === other ? " equal" : " DIFFERENT"))
    if (one === other) return
    console.log(one)
    console.log(other)
}

/** Not at top level: an image that changes top-level code goes live when that has come past its variables. */
async function run() {
    const seed = planSeed()
    random = seed
    const heap = makeHeap()
    const start = dump(heap)
    const touched = pick(3)
    await swap()
    for (const n of heap) if (pick(3) >= touched) look(n)
    await swap()
    report("there and back", start, dump(heap))

    random = seed + 1
    const first = makeHeap()
    await operate(first)
    await operate(first)
    random = seed + 1
    const second = makeHeap()
    await swap()
    await operate(second)
    if (seed & 1) {
        await swap()
        await swap()
    }
    await operate(second)
    await swap()
    report("with writes", dump(first), dump(second))
    console.log("done")
}

await run()
`

const test = suite("migrations of random heaps")

test("forward and back equals the start, and what new code wrote meanwhile is what old code would have written", async () => {
    const built = build()
    const [seed, runs] = [Number(process.env.SEED ?? 1), Number(process.env.RUNS ?? 100)]
    console.log(`seed ${seed}, ${runs} heaps`)
    await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 32767 }), async seed => {
            const result = await runProgram(withSeed(built, seed), { until: /^> done/, clock: "virtual" })
            const lines = result.lines.filter(l => /^> (?!# )|xception|HOV|# fault/.test(l))
            assert.equal(lines, ["> there and back equal", "> with writes equal", "> done"])
        }),
        { seed, numRuns: runs },
    )
})

function build(): Uint8Array {
    try {
        return swappedBySelf(program).program
    } catch (e) {
        console.error(e instanceof Error ? e.message : e)
        throw e
    }
}

test.run()
