import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* A declared migration goes wrong while the image is on trial. */
const test = suite("a migration that throws")
const cases = new SwapCases()

test.before(() => cases.run({ trial: true }))

cases.given(
    "up",
    `import { migrate } from "./hotswap/migration"
    class Point {
        x: number // before
        left: number // after
        constructor(x: number) {
            this.x = x // before
            this.left = x // after
        }
    }
    function upPoint(p: any) { // after
        p.left = p.x * 10 // after
        delete p.x // after
        if (p.left === 20) throw new Error("up") // after
    } // after
    function downPoint(p: any) { // after
        p.x = p.left / 10 // after
        delete p.left // after
    } // after
    migrate(Point, { to: 2, up: upPoint, down: downPoint }) // after
    function show_up(p: Point): string {
        return "x" + p.x // before
        return "L" + p.left // after
    }`,
    `const points = [new Point(1), new Point(2), new Point(3)]
    const start = JSON.stringify(points)
    await swap()
    console.log(show_up(points[0]))
    console.log(show_up(points[1]), show_up(points[2]))
    console.log(start === JSON.stringify(points), points[0] instanceof Point, points[1] instanceof Point)
    await ds.sleep(1)`,
)

test("the trial fails, the call is made again on the old code, and every object is as before", () => {
    assert.equal(cases.of("up"), ["L10", "x2 x3", "true true true", "# fault up"])
})

cases.given(
    "down",
    `class Tank {
        litres = 5 // before
        volume = 5 // after
    }
    migrate(Tank, { to: 2, up: (t: any) => { t.volume = t.litres; delete t.litres }, down: (t: any) => { t.litres = t.volume; if (t.volume === 6) throw new Error("down"); delete t.volume } }) // after
    function fill_down(t: Tank) {
        t.litres++ // before
        t.volume++ // after
    }
    function fail_down(): string {
        throw new Error("image") // after
        return "old"
    }`,
    `const [one, two] = [new Tank(), new Tank()]
    await swap()
    fill_down(one)
    fill_down(two)
    fill_down(two)
    console.log(fail_down())
    console.log(JSON.stringify(two))
    console.log(JSON.stringify(one))
    await ds.sleep(1)`,
)

test("a way back that throws leaves its object in the new layout; the others go back", () => {
    assert.equal(
        cases.of("down").filter(l => !l.startsWith("HOV down")),
        ["old", '{"litres":7}', '{"volume":6}', "# fault image"],
    )
})

test.run()
