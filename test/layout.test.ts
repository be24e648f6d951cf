import { suite } from "uvu"
import * as assert from "uvu/assert"
import { RefusedError } from "../toolchain/translate/refusal.ts"
import { SwapCases } from "./support/swap-cases.ts"
import { swappedBySelf } from "./support/swap-program.ts"

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
        return "old " + JSON.stringify(p) // before
        return "new " + JSON.stringify(p) // after
    }`,
    `const p = new Plain()
    await swap()
    console.log(json_keys(p), Object.keys(p).join(), JSON.stringify(p))
    touch_keys(p)
    console.log(json_keys(p), Object.keys(p).length)
    await swap()`,
)

test("JSON and Object.keys show an untouched object as it was, and never a mark", () => {
    assert.equal(cases.of("keys"), ['new {"x":1,"y":2} x,y {"x":1,"y":2}', 'new {"x":1,"y":2,"z":7} 3'])
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

cases.given(
    "cycle",
    `class Link {
        next: Link
        hops = 0 // after
        constructor(public id: number) {}
    }
    function walk_cycle(l: Link, steps: number): string {
        let text = ""
        for (let i = 0; i < steps; ++i) {
            text += l.id
            l.hops++ // after
            l = l.next
        }
        return text
    }
    function hops_cycle(l: Link): number {
        return 0 // before
        return l.hops // after
    }`,
    `const [a, b] = [new Link(1), new Link(2)]
    a.next = b
    b.next = a
    const alias = a
    await swap()
    console.log(walk_cycle(a, 5), hops_cycle(alias), hops_cycle(b), alias === a, b.next === a)
    await swap()
    await swap()
    console.log(walk_cycle(b, 2), hops_cycle(alias), hops_cycle(b), a instanceof Link)
    await swap()`,
)

test("objects in a cycle, with aliases, are brought up once each and stay the same objects", () => {
    assert.equal(cases.of("cycle"), ["12121 3 2 true true", "21 4 3 true"])
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
    "several",
    `class First {
        x = 1
        size = 5 // after
    }
    class Second {
        y = 2
        size = "big" // after
        color = "red" // after
    }
    class Third {
        z = 3
    }
    function read_several(o: any) {
        return 0 // before
        return o.size + "/" + o.color // after
    }`,
    `const all = [new First(), new Second(), new Third()]
    await swap()
    console.log(all.map(read_several).join(" "))
    console.log(all.map(o => Object.keys(o).join("")).join(" "))
    await swap()`,
)

test("several classes at once, with fields of the same name", () => {
    assert.equal(cases.of("several"), ["5/undefined big/red undefined/undefined", "xsize ysizecolor z"])
})

cases.given(
    "untouched",
    `class Idle {
        x = 1
        z = 7 // after
    }
    function read_untouched(p: Idle) {
        return 0 // before
        return p.z // after
    }`,
    `const all: Idle[] = []
    for (let i = 0; i < 60; ++i) all.push(new Idle())
    await swap()
    read_untouched(all[30])
    let brought = 0
    for (const p of all) if (Object.keys(p).length === 2) brought++
    console.log(brought)
    await swap()`,
)

test("objects that new code does not touch are not touched", () => {
    assert.equal(cases.of("untouched"), ["1"])
})

cases.given(
    "ways",
    `class Ways {
        x = 1
        z = 7 // after
    }
    function read_ways(p: Ways, key: string): any[] {
        return [] // before
        const { z } = p // after
        return [z, (p as any)[key], p?.z] // after
    }
    function dynamic_ways(p: any, key: string): any {
        return undefined // before
        return p[key] // after
    }`,
    `await swap()
    await swap()
    const [p, q] = [new Ways(), new Ways()]
    await swap()
    console.log(read_ways(p, "z").join(), dynamic_ways(q, "z"))
    await swap()`,
)

test("a new field is found by name, by destructuring, by ?. and by a computed key", () => {
    assert.equal(cases.of("ways"), ["7,7,7 7"])
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
