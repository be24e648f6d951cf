import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { compileInProcess } from "./support/stock-compiler.ts"
import { inVersion, swappedBySelf } from "./support/swap-program.ts"
import { patchableInProcess } from "./support/replaced-program.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"

/* What an update adds to a program: inner functions of every kind, functions with rest parameters, classes. */
const test = suite("what an update adds")

const ended = { until: /^> done/, clock: "virtual" } as const

function printed(lines: readonly string[]): string[] {
    return lines.filter(l => /^(> |! |\* )/.test(l) && !l.startsWith("> #") && !/DeviceScript|start:/.test(l)).map(l => l.replace(/^> /, ""))
}

/** What a program prints that swaps itself; the last line is `done`. */
async function swapped(text: string): Promise<{ lines: string[]; notes: readonly string[] }> {
    const { program, update } = swappedBySelf(text)
    return { lines: printed((await runProgram(program, ended)).lines), notes: update.notes.map(n => `${n.code} ${n.functionName}`) }
}

/** The boot law: the new version as the stock compiler builds it, and the base booting with the image. */
async function booted(text: string): Promise<{ native: string[]; image: string[] }> {
    const plain = text.replaceAll("await swap()", "")
    const [before, after] = (["before", "after"] as const).map(v => patchableInProcess({ "program.ts": inVersion(v, plain) }))
    const update = buildUpdate(before.base, after.base.program, { sequence: 1 })
    const native = await runProgram(compileInProcess({ "src/main.ts": inVersion("after", plain) }).devs, ended)
    const image = await runProgram(before.withImage(update.file), ended)
    return { native: printed(native.lines), image: printed(image.lines) }
}

const innerFunctions = `
function later(f: () => void) { f() }
function plain(name: string, ms: number) {
    let n = ms // after
    later(() => { n++; console.log("plain", name, n) }) // after
    console.log("plain end", name)
    console.log(n) // after
}
function nested(a: number) {
    let k = a * 2
    later(() => {
        const z = k + 1
        later(() => { k += z + a; console.log("inner", k, z, a) }) // after
        console.log("outer", k, z)
    })
    console.log("k", k)
}
function twice(a: number) { // after
    let s = 0 // after
    const add = (n: number) => { // after
        s += n // after
        const again = () => { s += a; return s } // after
        return again // after
    } // after
    const x = add(1) // after
    x() // after
    return add(10)() + s * 1000 // after
} // after
class C {
    v = 5
    m(x: number) {
        const me = this
        return [1, 2, 3].map(q => q + me.v + x) // after
        return [me.v, x] // before
    }
}
function gains(name: string) {
    const extra = name + "!"
    later(() => console.log("static")) // before
    later(() => console.log("captures", extra)) // after
    console.log(extra)
}
function loses(name: string) {
    later(() => console.log("captures", name)) // before
    later(() => console.log("static now")) // after
}
let kept: () => void
function keeps(name: string) {
    let count = 0
    const other = name + "?"
    kept = () => {
        count++
        console.log("kept", count, name)
        console.log("other", other) // after
    }
    console.log(other)
}
function rest(...all: number[]) { // after
    return all.length + ":" + all.join() // after
} // after
function rest2(a: number, ...all: number[]) { // after
    let c = 0 // after
    const f = (x: number, ...more: number[]) => { c += more.length; return a + x + all.length + more.length + c } // after
    return f(1, 2, 3) + f(9) // after
} // after
function useRest() {
    console.log(rest(), rest(1), rest(1, 2, 3), rest2(5, 6, 7)) // after
    console.log("no rest") // before
}
function all() {
    plain("x", 3)
    nested(4)
    console.log(twice(7)) // after
    console.log(new C().m(100).join())
    gains("g")
    loses("l")
    useRest()
    keeps("k")
}
async function run() {
    all()
    const before = kept
    await swap()
    all()
    before()
    kept()
    const fresh = kept
    await swap()
    fresh()
    before()
    console.log("done")
}
run.start()
`

test("inner functions are added, at any depth, and begin or cease to use variables around them", async () => {
    const { lines, notes } = await swapped(innerFunctions)
    assert.equal(lines, [
        ...["plain end x", "outer 8 9", "k 8", "5,100", "static", "g!", "captures l", "no rest", "k?"],
        ...["plain x 4", "plain end x", "4", "inner 21 9 4", "outer 21 9", "k 21", "25025", "106,107,108", "captures g!", "g!"],
        ...["static now", "0: 1:1 3:1,2,3 30", "k?"],
        ...["kept 1 k", "other k?", "kept 1 k", "other k?"],
        // closures that the image made go on in the base's code
        ...["kept 2 k", "kept 2 k", "done"],
    ])
    assert.equal(notes, ["HOV119 inline"])
})

test("booting with them is booting the new build", async () => {
    const { native, image } = await booted(innerFunctions)
    assert.equal(image, native)
    assert.is(native.length > 20, true)
})

const classes = `
class Shape {
    name = "shape"
    constructor(public w: number) {}
    area() { return this.w }
    text() { return this.name + " " + this.area() }
}
class Square extends Shape { // after
    constructor(w: number) { super(w); this.name = "square" } // after
    override area() { return this.w * this.w } // after
} // after
class Cube extends Square { // after
    h = 3 // after
    static made: number // after
    static of(w: number) { Cube.made = (Cube.made ?? 0) + 1; return new Cube(w) } // after
    override area() { return this.w * this.w * this.h } // after
} // after
class Bad extends Error { // after
    code = 5 // after
    constructor(m: string) { super(m); this.name = "Bad" } // after
} // after
class Eight { // after
    sum: number // after
    constructor(a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) { // after
        this.sum = a + b + c + d + e + f + g + h // after
    } // after
} // after
const shapes: Shape[] = []
function make(k: any, w: number): Shape { return new k(w) }
function add() {
    shapes.push(new Shape(2))
    shapes.push(new Square(3)) // after
    shapes.push(make(Cube, 2)) // after
    const c = Cube.of(4) // after
    shapes.push(c) // after
    console.log(c instanceof Cube, c instanceof Square, c instanceof Shape, shapes[0] instanceof Square, Cube.made) // after
    console.log(new Eight(1, 2, 3, 4, 5, 6, 7, 8).sum, c.constructor === Cube, c.constructor === Square) // after
    try { throw new Bad("oops") } catch (e) { console.log(e instanceof Bad, e instanceof Error, (e as any).name, (e as any).message, (e as any).code) } // after
}
function show() { for (const s of shapes) console.log(s.text()) }
async function run() {
    add()
    show()
    await swap()
    add()
    show()
    await swap()
    show()
    await swap()
    show()
    console.log("done")
}
run.start()
`

test("classes are added that extend the base's, each other and built-in ones; their objects outlive the image", async () => {
    const { lines } = await swapped(classes)
    const shapes = ["shape 2", "shape 2", "square 9", "square 12", "square 48"]
    assert.equal(lines, ["shape 2", "true true true false 1", "36 false false", "true true Bad oops 5", ...shapes, ...shapes, ...shapes, "done"])
})

test("booting with classes that the base lacks is booting the new build", async () => {
    const { native, image } = await booted(classes)
    assert.equal(image, native)
    assert.is(native.length > 20, true)
})

test("a class that the base lacks has its own name", async () => {
    const { lines } = await swapped(`
        class Bad extends Error {} // after
        function show() {
            const e: any = new Bad("oops") // after
            console.log(e.name, e.message, e.constructor.name) // after
            console.log("old") // before
        }
        async function run() {
            show()
            await swap()
            show()
            console.log("done")
        }
        run.start()`)
    assert.equal(lines, ["old", "Bad oops Bad", "done"])
})

test("a new field that is made of what the constructor was called with gets it from where the object keeps that", async () => {
    const { lines } = await swapped(`
        class Tap {
            open = false
            topic: string // after
            sizes: number[] // after
            constructor(public id: number, public name: string) {
                this.topic = "tap/" + id // after
                this.sizes = [id, id * 2] // after
            }
        }
        class Other { constructor(public id: number) {} }
        const taps = [new Tap(1, "a"), new Tap(2, "b")]
        const other = new Other(7)
        function show(t: Tap) {
            console.log(t.name, other.id) // before
            console.log(t.name, other.id, t.topic, t.sizes.join()) // after
        }
        async function run() {
            show(taps[0])
            await swap()
            show(taps[0])
            show(taps[1])
            show(new Tap(3, "c"))
            await swap()
            show(taps[1])
            console.log("done")
        }
        run.start()`)
    assert.equal(lines, ["a 7", "a 7 tap/1 1,2", "b 7 tap/2 2,4", "c 7 tap/3 3,6", "b 7", "done"])
})

test.run()
