import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* An image on trial throws: what callers get, what was done stays done, and who may catch it. */
const test = suite("a throw in new code, and what becomes of the call")
const cases = new SwapCases()

test.before(() => cases.run({ trial: true }))

cases.given(
    "result",
    `function area_result(width: number, height: number): number {
        width = width + 1000 // after
        height = 0 // after
        if (width > 3) throw new Error("no area") // after
        return width * height
    }`,
    `await swap()
    console.log("area " + area_result(3, 4))
    console.log("area " + area_result(5, 6))
    await ds.sleep(1)`,
)

test("a call whose result is used is made again on the old code, with its arguments as they came", () => {
    assert.equal(cases.of("result"), ["area 12", "area 30", "# fault no area"])
})

cases.given(
    "rest",
    `async function sum_rest(first: string, ...more: number[]): Promise<string> {
        let sum = 0
        for (const n of more) sum += n
        more.push(99) // after
        await ds.sleep(2)
        if (first === "b") throw new Error("in the middle") // after
        return first + sum
    }`,
    `await swap()
    console.log(await sum_rest("a", 1, 2))
    console.log(await sum_rest("b", 3, 4))
    await ds.sleep(1)
    console.log(await sum_rest("c", 5, 6))`,
)

test("also after a wait; what was done to objects in the meantime stays done", () => {
    assert.equal(cases.of("rest"), ["a3", "# fault in the middle", "b106", "c11"])
})

cases.given(
    "native_catch",
    `function check_native(n: number) {
        if (n === 2) throw new RangeError("two") // after
        console.log("old " + n) // before
        console.log("new " + n) // after
    }
    function outer_native(n: number) {
        try {
            check_native(n)
        } catch (e) {
            console.log("caught " + (e as any).message)
        }
    }`,
    `await swap()
    for (let n = 1; n <= 3; ++n) {
        outer_native(n)
        await ds.sleep(1)
    }`,
)

test("under a catch of code that stays as it is the program goes on, and the trial is over", () => {
    const lines = cases.of("native_catch")
    assert.ok(lines.includes("# fault two"), lines.join("\n"))
    assert.is(lines[0], "new 1")
    assert.is(lines[lines.length - 1], "old 3")
})

cases.given(
    "own_catch",
    `function check_own(n: number): string {
        if (n === 2) throw new RangeError("two")
        return "old " + n // before
        return "new " + n // after
    }
    function outer_own(n: number) {
        try {
            console.log(check_own(n))
        } catch (e) {
            console.log("old caught " + (e as any).message) // before
            console.log("new caught " + (e as any).message) // after
        }
    }`,
    `await swap()
    for (let n = 1; n <= 3; ++n) outer_own(n)
    await ds.sleep(1)
    await swap()`,
)

test("a throw that new code above catches is none of the guard's business", () => {
    assert.equal(cases.of("own_catch"), ["new 1", "new caught two", "new 3"])
})

cases.given(
    "through_library",
    `function double_through(n: number): number {
        if (n === 2) throw new RangeError("two") // after
        return n * 2
    }
    function all_through(list: number[]): string {
        return list.map(double_through).join() // before
        return list.map(double_through).join("-") // after
    }`,
    `await swap()
    console.log(all_through([1, 3]))
    console.log(all_through([1, 2, 3]))
    await ds.sleep(1)
    console.log(all_through([1, 2]))`,
)

test("a throw that goes through library code to more new code is answered at the outermost", () => {
    assert.equal(cases.of("through_library"), ["2-6", "2,4,6", "# fault two", "2,4"])
})

cases.given(
    "pin",
    `let pin_level = 0
    function set_pin(level: number) {
        pin_level = level
        console.log("pin " + level)
    }
    function pulse_pin() {
        set_pin(1)
        if (pin_level === 1) throw new Error("between") // after
        set_pin(0)
    }`,
    `await swap()
    pulse_pin()
    await ds.sleep(1)
    console.log("level " + pin_level)
    pulse_pin()`,
)

test("a pin that was set before the throw stays set until the old code sets it", () => {
    assert.equal(cases.of("pin"), ["pin 1", "# fault between", "level 1", "pin 1", "pin 0"])
})

for (const [name, value, message] of [
    ["number", "7 as any", "7"],
    ["text", '"text" as any', "text"],
    ["nothing", "undefined as any", "throwing null/undefined"],
    ["null", "null as any", "throwing null/undefined"],
    ["zero", "0 as any", "0"],
    ["object", "{ a: 1 } as any", "\\[?.*"],
    ["function", "(() => 1) as any", ".*"],
] as const) {
    cases.given(
        `throws_${name}`,
        `function fail_${name}(): number {
            throw ${value} // after
            return 5
        }`,
        `await swap()
        console.log("got " + fail_${name}())
        await ds.sleep(1)`,
    )
    test(`a thrown value that is no error: ${name}`, () => {
        const lines = cases.of(`throws_${name}`)
        assert.is(lines[0], "got 5", lines.join("\n"))
        assert.match(lines[1] ?? "", new RegExp(`^# fault ${message}`))
        assert.is(lines.length, 2, lines.join("\n"))
    })
}

cases.given(
    "recursion",
    `let visits_recursion = 0
    function depth_recursion(n: number): number {
        visits_recursion++
        if (n === 0) throw new Error("bottom") // after
        return n === 0 ? 0 : 1 + depth_recursion(n - 1)
    }`,
    `await swap()
    console.log("depth " + depth_recursion(25))
    console.log("visits " + visits_recursion)
    await ds.sleep(1)`,
)

test("deep in a recursion: the outermost call is made again", () => {
    assert.equal(cases.of("recursion"), ["depth 25", "visits 52", "# fault bottom"])
})

cases.given(
    "constructor",
    `class Gauge {
        low = 1
        high: number
        constructor(high: number) {
            this.high = 5 // after
            if (high > 10) throw new Error("too high") // after
            this.high = high
        }
        span(): number { return this.high - this.low }
    }`,
    `await swap()
    const [small, large] = [new Gauge(8), new Gauge(20)]
    console.log(small.span(), large.span(), large instanceof Gauge, Object.keys(large).join())
    await ds.sleep(1)`,
)

test("in a constructor: the same object is made by the old code", () => {
    assert.equal(cases.of("constructor"), ["7 19 true low,high", "# fault too high"])
})

cases.given(
    "finally",
    `let closed_finally = 0
    function work_finally() {
        try {
            if (closed_finally >= 0) throw new Error("open") // after
        } finally {
            closed_finally++
        }
    }`,
    `await swap()
    work_finally()
    await ds.sleep(1)
    console.log("closed " + closed_finally)`,
)

test("a finally of the new code runs before the call is left out", () => {
    assert.equal(cases.of("finally"), ["# fault open", "closed 1"])
})

cases.given(
    "pointers",
    `function a_pointers(): string {
        return "old a" // before
        return "new a" // after
    }
    function b_pointers(): string {
        if (a_pointers() === "new a") throw new Error("b") // after
        return "old b " + a_pointers()
    }`,
    `await swap()
    console.log(a_pointers())
    console.log(b_pointers(), a_pointers())
    await ds.sleep(1)`,
)

test("all pointers are back at once: the call that is made again already runs among old code", () => {
    assert.equal(cases.of("pointers"), ["new a", "old b old a old a", "# fault b"])
})

test.run()
