import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* Several rules for one object: of its class in several steps, of its class and the one above. */
const test = suite("several migrations")
const cases = new SwapCases()

test.before(() => cases.run())

cases.given(
    "steps",
    `import { migrate } from "./hotswap/migration"
    class Steps {
        x = 1 // before
        y = 10 // after
        w = 100 // after
    }
    migrate(Steps, { to: 3, up: (o: any) => { o.w = o.y * 10 }, down: (o: any) => { delete o.w } }) // after
    migrate(Steps, { to: 2, up: (o: any) => { o.y = o.x * 10; delete o.x }, down: (o: any) => { o.x = o.y / 10; delete o.y } }) // after
    function read_steps(o: Steps): string {
        return "" + o.x // before
        return o.y + "," + o.w // after
    }
    function add_steps(o: Steps) {
        o.x++ // before
        o.y += 10 // after
    }`,
    `const o = new Steps()
    add_steps(o)
    await swap()
    console.log(read_steps(o))
    add_steps(o)
    await swap()
    console.log(read_steps(o), Object.keys(o).join())
    await swap()
    console.log(read_steps(o))
    await swap()`,
)

test("steps of one class run in the order of their versions, and back", () => {
    assert.equal(cases.of("steps"), ["20,200", "3 x", "30,300"])
})

cases.given(
    "family",
    `class Parent {
        x = 1 // before
        y = 10 // after
    }
    class Child extends Parent {
        a = 5 // before
        list = [5] // after
    }
    class Grandchild extends Child { own = 1 }
    migrate(Parent, { to: 2, up: (o: any) => { o.y = o.x * 10; delete o.x }, down: (o: any) => { o.x = o.y / 10; delete o.y } }) // after
    migrate(Child, { to: 2, up: (o: any) => { o.list = [o.a]; delete o.a }, down: (o: any) => { o.a = o.list[0]; delete o.list } }) // after
    function read_family(o: any): string {
        return o.x + "/" + o.a + "/" + o.own // before
        return o.y + "/" + (o.list ? o.list.join() : "-") + "/" + o.own // after
    }
    function add_family(o: any) {
        o.x++ // before
        o.y += 10 // after
        if (o instanceof Child) o.a++ // before
        if (o instanceof Child) o.list[0]++ // after
    }
    function make_family(): any[] { return [new Parent(), new Child(), new Grandchild()] }`,
    `const all = make_family()
    await swap()
    console.log(all.map(read_family).join(" "))
    const made = make_family()
    for (const o of [...all, ...made]) add_family(o)
    await swap()
    console.log(all.map(read_family).join(" "), made.map(read_family).join(" "))
    console.log(Object.keys(all[2]).length, made[2] instanceof Child, made[0] instanceof Child)
    await swap()
    console.log([...all, ...made].map(read_family).join(" "))
    await swap()`,
)

test("a class and the one that extends it have a rule each", () => {
    assert.equal(cases.of("family"), [
        "10/-/undefined 10/5/undefined 10/5/1",
        "2/undefined/undefined 2/6/undefined 2/6/1 2/undefined/undefined 2/6/undefined 2/6/1",
        "3 true false",
        "20/-/undefined 20/6/undefined 20/6/1 20/-/undefined 20/6/undefined 20/6/1",
    ])
})

cases.given(
    "meaning",
    `class Energy {
        used = 4
        add(n: number) {
            this.used += n // before
            this.used += n * 1000 // after
        }
        text(): string { return "" + this.used }
    }
    migrate(Energy, { to: 2, up: (e: any) => { e.used *= 1000 }, down: (e: any) => { e.used /= 1000 } }) // after
    function used_meaning(e: any): number { return e.used }
    function reset_meaning(e: any) { e.used = 0 }`,
    `const [p, q, r] = [new Energy(), new Energy(), new Energy()]
    await swap()
    console.log(p.text(), used_meaning(q))
    reset_meaning(r)
    console.log(r.text())
    p.add(1)
    await swap()
    console.log(p.text(), q.text(), r.text())`,
)

test("functions that are as they were bring up what a rule gives another meaning", () => {
    assert.equal(cases.of("meaning"), ["4000 4000", "0", "5 4 0"])
})

cases.given(
    "linked",
    `class Linked {
        x = 1 // before
        y = 2 // after
        next: Linked
    }
    migrate(Linked, { to: 2, up: (o: any) => { o.y = o.x * 2; delete o.x }, down: (o: any) => { o.x = o.next ? o.next.y / 2 : o.y / 2; delete o.y } }) // after
    function read_linked(o: any): string {
        return "" + o.x // before
        return "" + o.y // after
    }`,
    `const [p, q] = [new Linked(), new Linked()]
    p.next = q
    await swap()
    console.log(read_linked(p))
    await swap()
    console.log(read_linked(p), read_linked(q), Object.keys(q).join())`,
)

test("a way back that touches an object which nothing had brought up yet leaves that as it was, too", () => {
    assert.equal(cases.of("linked"), ["2", "1 1 x"])
})

test.run()
