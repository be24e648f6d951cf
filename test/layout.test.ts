import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* Objects that old code made meet new code, and the other way round after a rollback. */
const test = suite("layouts of objects")
const cases = new SwapCases()

test.before(() => cases.run())

cases.given(
    "between",
    `class Point {
        x: number
        z = 7 // after
        y: number
        constructor(x: number, y: number) { this.x = x; this.y = y }
    }
    function read_between(p: Point) {
        return p.x + "," + p.y // before
        return p.x + "," + p.z + "," + p.y // after
    }
    function write_between(p: Point) {
        p.x++
        p.z += 10 // after
        p.y--
    }`,
    `const p = new Point(1, 2)
    console.log(read_between(p))
    await swap()
    console.log(read_between(p))
    write_between(p)
    console.log(read_between(p), p.x, p.y)
    await swap()
    console.log(read_between(p))
    write_between(p)
    console.log(read_between(p))
    await swap()
    console.log(read_between(p))
    await swap()`,
)

test("{x, y} becomes {x, z, y} under a live object, and {x, y} again, with what was written meanwhile", () => {
    assert.equal(cases.of("between"), ["1,2", "1,7,2", "2,17,1 2 1", "2,1", "3,0", "3,17,0"])
})

cases.given(
    "fresh",
    `class Fresh {
        x = 1
        z = 7 // after
    }
    function read_fresh(p: Fresh) {
        return "" + p.x // before
        return p.x + "," + p.z // after
    }
    function make_fresh(): Fresh { return new Fresh() }`,
    `await swap()
    const p = make_fresh()
    console.log(Object.keys(p).join(), read_fresh(p))
    await swap()
    console.log(read_fresh(p), read_fresh(make_fresh()))
    const q = make_fresh()
    await swap()
    console.log(Object.keys(q).join(), read_fresh(q))
    await swap()`,
)

test("an instance that code made which stays as it is has the layout that is current", () => {
    assert.equal(cases.of("fresh"), ["x,z 1,7", "1 1", "x 1,7"])
})

cases.given(
    "native",
    `class Dot {
        x: number
        z = 7 // after
        constructor(x: number) { this.x = x }
    }
    const made_native: any[] = []
    async function make_native(n: number) {
        await ds.sleep(10)
        made_native.push(new Dot(n), { x: n, y: 2 })
        console.log("in old code") // before
        console.log("in new code") // after
    }
    function literal_native(x: number): any {
        return { x, y: 2 } // before
        return { x, z: 5, y: 2 } // after
    }
    function read_native(p: any): string {
        return "" + p.x // before
        return p.x + "," + p.z + "," + (p instanceof Dot) // after
    }`,
    `make_native.start(3)
    await ds.sleep(1)
    await swap()
    await ds.sleep(20)
    console.log(read_native(made_native[0]), Object.keys(made_native[0]).join())
    console.log(read_native(made_native[1]), Object.keys(made_native[1]).join())
    console.log(read_native(literal_native(1)), Object.keys(literal_native(1)).join())
    await swap()`,
)

test("what a call in old code makes after the swap: instances have the new layout, literals the old one, without a field", () => {
    assert.equal(cases.of("native"), ["in old code", "3,7,true z,x", "3,undefined,false x,y", "1,5,false x,z,y"])
})

cases.given(
    "literal",
    `const limits_literal: any = { low: 1, high: 9 } // before
    const limits_literal: any = { low: 1, middle: 5, high: 8 } // after
    const alias_literal = [limits_literal]
    function read_literal(): string {
        return limits_literal.low + "," + limits_literal.high // before
        return limits_literal.low + "," + limits_literal.middle + "," + limits_literal.high // after
    }
    function raise_literal() { limits_literal.low++ }
    const lamp_literal: any = { on: 1 } // before
    const lamp_literal: any = { dim: 5, on: 2 } // after
    function lamp_of_literal(): string { return lamp_literal.on + "," + lamp_literal.dim }`,
    `raise_literal()
    console.log(read_literal(), lamp_of_literal())
    await swap()
    console.log(read_literal(), alias_literal[0] === limits_literal, lamp_of_literal())
    raise_literal()
    await swap()
    console.log(read_literal(), Object.keys(limits_literal).join(), lamp_of_literal())`,
)

test("an object literal of a constant: properties come, change and go in the object as it is; what the program changes stays", () => {
    assert.equal(cases.of("literal"), ["2,9 1,undefined", "2,5,8 true 2,5", "3,9 low,high 1,undefined"])
})

cases.given(
    "absent",
    `class Absent {
        x = 1
        z: any = undefined // after
        w: any = 5 // after
    }
    function read_absent(p: Absent) {
        return "" // before
        return p.z + "," + p.w // after
    }
    function clear_absent(p: Absent) {
        p.w = undefined // after
        p.z = undefined // after
        p.x = 2
    }`,
    `const p = new Absent()
    await swap()
    console.log(read_absent(p), Object.keys(p).join())
    clear_absent(p)
    console.log(read_absent(p), Object.keys(p).join())
    await swap()
    await swap()
    console.log(read_absent(p))
    await swap()`,
)

test("a new field that is undefined stays so, from the start or by assignment", () => {
    assert.equal(cases.of("absent"), ["undefined,5 x,z,w", "undefined,undefined x,z,w", "undefined,undefined"])
})

cases.given(
    "keys",
    `class Plain {
        x = 1
        z = 7 // after
        y = 2
    }
    function touch_keys(p: Plain) {
        return 0 // before
        return p.z // after
    }
    function json_keys(p: Plain) {
        return "old " + JSON.stringify(p)
    }
    function both_keys(p: Plain) {
        return "" // before
        return Object.keys(p).join() + JSON.stringify(p) // after
    }`,
    `const [p, q] = [new Plain(), new Plain()]
    await swap()
    console.log(json_keys(p), Object.keys(p).join())
    touch_keys(p)
    console.log(json_keys(p), Object.keys(p).length)
    console.log(both_keys(q))
    await swap()`,
)

test("JSON and Object.keys of code that stays show an untouched object as it was, new code's as it is now; none shows a mark", () => {
    assert.equal(cases.of("keys"), ['old {"x":1,"y":2} x,y', 'old {"x":1,"y":2,"z":7} 3', 'x,y,z{"x":1,"y":2,"z":7}'])
})

cases.given(
    "subclass",
    `class Animal {
        name = "a"
        legs = 4
        sound = "?" // after
    }
    class Dog extends Animal {
        tail = 1 // before
        bark = 2
        chip = 99 // after
        tail = 1 // after
    }
    function read_subclass(a: Animal) {
        return a.name // before
        return a.name + a.legs + a.sound // after
    }
    function read_dog(d: Dog) {
        return "" + d.tail + d.bark // before
        return "" + d.tail + d.bark + d.chip + d.sound // after
    }`,
    `const dog = new Dog()
    const animal = new Animal()
    dog.tail = 8
    await swap()
    console.log(read_dog(dog), read_subclass(dog), read_subclass(animal), Object.keys(animal).join())
    console.log(dog instanceof Dog, dog instanceof Animal, animal instanceof Dog)
    await swap()
    console.log(read_dog(dog), read_subclass(animal))`,
)

test("a subclass whose fields changed their order, under a class that got one", () => {
    assert.equal(cases.of("subclass"), ["8299? a4? a4? name,legs,sound", "true true false", "82 a"])
})

cases.given(
    "json",
    `class Parsed {
        x = 1
        z = 7 // after
    }
    function read_json(p: any) {
        return p.x // before
        return p.x + "," + p.z // after
    }`,
    `const early = JSON.parse('{"x":5}')
    await swap()
    console.log(read_json(early), read_json(JSON.parse('{"x":6}')), read_json(Object.assign(new Parsed(), { x: 8 })))
    console.log(Object.keys(early).join(), read_json("text"), read_json([4]))
    await swap()`,
)

test("parsed JSON and other things that are no instances are left alone", () => {
    assert.equal(cases.of("json"), ["5,undefined 6,undefined 8,7", "x undefined,undefined undefined,undefined"])
})

test.run()
