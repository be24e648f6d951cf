import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { RefusedError } from "../toolchain/translate/refusal.ts"
import { SwapCases } from "./support/swap-cases.ts"
import { swappedBySelf } from "./support/swap-program.ts"

/* Where the new fields of objects that old code made get their first values from. */
const test = suite("first values of new fields")
const cases = new SwapCases()

test.before(() => cases.run())

cases.given(
    "global",
    `let offset = 3
    const scale = [2, 4]
    class Scaled {
        x = 1
        z = offset * scale[1] // after
    }
    function read_global(p: Scaled) {
        return 0 // before
        return p.z // after
    }`,
    `const [p, q] = [new Scaled(), new Scaled()]
    await swap()
    console.log(read_global(p))
    offset = 100
    console.log(read_global(p), read_global(q))
    await swap()`,
)

test("an initialiser that reads globals reads them at the first touch, once", () => {
    assert.equal(cases.of("global"), ["12", "12 400"])
})

cases.given(
    "twice",
    `let made = 0
    function next_twice(): number { return ++made }
    class Counted {
        x = 1
        a = 10 // after
        b = 20 // after
        c = 30 // after
    }
    function write_twice(p: Counted) {
        p.a = 1 // after
        p.x = 2
    }
    function read_twice(p: Counted) {
        return "" // before
        return p.c + "," + p.b + "," + p.a // after
    }`,
    `const p = new Counted()
    await swap()
    write_twice(p)
    console.log(read_twice(p))
    await swap()
    await swap()
    console.log(read_twice(p))
    await swap()`,
)

test("a new field that new code wrote before it read any keeps what was written", () => {
    assert.equal(cases.of("twice"), ["30,20,1", "30,20,1"])
})

cases.given(
    "made",
    `let made_size = 2
    class Inner {
        n: number
        constructor(n: number) { this.n = n }
    }
    function compute_made(n: number): number { return n * 10 }
    class Made {
        x = 1
        list: number[] = [] // after
        map: any = {} // after
        both: any = { a: 1, b: [made_size, 3] } // after
        inner = new Inner(5) // after
        sum = compute_made(4) + 1 // after
    }
    function read_made(p: Made): string {
        return "" // before
        p.list.push(p.x) // after
        p.map.k = 1 // after
        return JSON.stringify(p) // after
    }`,
    `console.log(new Inner(3).n)
    const [p, q] = [new Made(), new Made()]
    q.x = 7
    await swap()
    console.log(read_made(p))
    console.log(read_made(p), read_made(q))
    await swap()`,
)

test("first values that are made: arrays, objects, instances, results; each object gets its own", () => {
    const rest = '"both":{"a":1,"b":[2,3]},"inner":{"n":5},"sum":41'
    assert.equal(cases.of("made"), [
        "3",
        `{"x":1,"list":[1],"map":{"k":1},${rest}}`,
        `{"x":1,"list":[1,1],"map":{"k":1},${rest}} {"x":7,"list":[7],"map":{"k":1},${rest}}`,
    ])
})

cases.given(
    "arguments",
    `class Window {
        low: number
        high: number
        span: number // after
        constructor(low: number, high: number) {
            this.low = low
            this.high = high
            this.span = high - low // after
        }
    }
    function read_arguments(w: Window): string {
        return "" + w.low // before
        return w.low + "," + w.span // after
    }`,
    `const w = new Window(3, 10)
    await swap()
    console.log(read_arguments(w), read_arguments(new Window(1, 2)))
    await swap()`,
)

test("an initialiser that reads constructor arguments which the object keeps reads them there", () => {
    assert.equal(cases.of("arguments"), ["3,7 1,1"])
})

function refusalOf(text: string): RefusedError {
    try {
        swappedBySelf(text)
    } catch (e) {
        if (e instanceof RefusedError) return e
        throw e
    }
    throw new Error("it was not refused")
}

test("a first value that comes from the constructor's arguments is refused, by name", () => {
    const refused = refusalOf(`class Point {
            y: number
            z: number // after
            constructor(x: number) {
                this.y = x
                this.z = x * 2 // after
            }
            move() { this.y++ }
        }
        const p = new Point(4)
        p.move()
        function read() {
            return p.y // before
            return p.z // after
        }
        console.log(read())`)
    assert.match(refused.message, /HOV114.*field z of Point/)
})

test("a field whose first value cannot be made apart from the rest of the constructor is refused, by name", () => {
    const kinds = [
        ["Sometimes", "z: number", "if (x > 3) this.z = 5", "only on some ways through"],
        ["Effects", "z: number", "this.z = next()", "a call that has effects"],
        ["Repeated", "z: number", "for (let i = 0; i < x; ++i) this.z = 3", "only on some ways through"],
        ["Filled", "z: number[]", "const l = [1]; this.z = l; l.push(x)", "the constructor goes on using"],
        ["Argument", "z: number[]", "this.z = [1, w]", "the constructor's arguments"],
    ] as const
    const classes = kinds.map(
        ([name, declaration, statement]) => `class ${name} {
            y: number
            ${declaration} // after
            constructor(public x: number, w: number) {
                this.y = next()
                ${statement} // after
            }
        }
        console.log(new ${name}(4, 2).y)`,
    )
    const refused = refusalOf(`let count = 0
        function next(): number { return ++count }
        ${classes.join("\n")}`)
    for (const [name, , , reason] of kinds) assert.match(refused.message, new RegExp(`HOV114.*field z of ${name}.*${reason}`))
})

test("deleting a new field, which older objects get when it is missing, is refused", () => {
    const refused = refusalOf(`class Point {
            x = 1
            z?: number = 7 // after
        }
        function erase(p: Point) {
            p.x = 2
            delete p.z // after
        }
        erase(new Point())`)
    assert.match(refused.message, /HOV118.*field z/)
})

test.run()
