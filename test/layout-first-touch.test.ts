import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* Which objects new code brings up, and through what. */
const test = suite("objects at their first touch")
const cases = new SwapCases()

test.before(() => cases.run())

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
    "whole",
    `class Whole {
        x = 1
        z = 7 // after
    }
    function spread_whole(p: Whole): any {
        const copy: any = { ...p } // after
        return copy.z // after
        return 0 // before
    }
    function rest_whole(p: any): any {
        const { x, ...rest } = p // after
        return rest.z // after
        return 0 // before
    }
    function values_whole(p: any): any {
        return Object.values(p).length // after
        return 0 // before
    }`,
    `const [p, q, r] = [new Whole(), new Whole(), new Whole()]
    await swap()
    console.log(spread_whole(p), rest_whole(q), values_whole(r), values_whole({ a: 1 }))
    await swap()`,
)

test("copying an object, taking the rest of it and listing it touches all of it", () => {
    assert.equal(cases.of("whole"), ["7 7 2 1"])
})

cases.given(
    "held",
    `class Held {
        x = 1
        z = 7 // after
    }
    const holder: any = {}
    const spares = [new Held(), new Held(), new Held()]
    function next_held(): any {
        holder.kept = { held: spares.pop() }
        return { from: 1 }
    }
    function merged_held(): any {
        return Object.assign(next_held(), holder.kept.held).z // after
        return 0 // before
    }
    function text_held(): string {
        return next_held().from + JSON.stringify(holder.kept.held) // after
        return "" // before
    }
    function both_held(other: any): any {
        const all: any = { ...next_held(), ...holder.kept.held, ...other } // after
        return all.from + all.z + all.own // after
        return 0 // before
    }`,
    `await swap()
    console.log(merged_held(), text_held(), both_held({ own: 10 }))
    await swap()`,
)

test("an object that a call in the same statement has just put there is touched after that call", () => {
    assert.equal(cases.of("held"), ['7 1{"x":1,"z":7} 18'])
})

cases.given(
    "same",
    `class Same {
        x = 1
        z: number // before
        z = 7 // after
        own(): number { return this.z ?? 0 }
    }
    class Apart {
        z = 3
        apart(): number { return this.z }
    }
    function z_of_same(o: any): number { return o.z ?? -1 }
    function new_same(): string {
        return "old" // before
        return "new" // after
    }`,
    `const [p, q] = [new Same(), new Same()]
    const r = new Apart()
    await swap()
    console.log(p.own(), z_of_same(q), z_of_same(r), r.apart(), new_same())
    await swap()`,
)

test("functions that are as they were find a new field too, where they name it", () => {
    assert.equal(cases.of("same"), ["7 7 3 3 new"])
})

test.run()
