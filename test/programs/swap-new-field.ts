// A class gets a field between the others; old and new objects are used by both versions.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

class Point {
    x: number
    z: number // after
    y: number
    constructor(x: number, y: number) {
        this.x = x
        this.z = 10 // after
        this.y = y
    }
}

const points: Point[] = [new Point(1, 2), new Point(3, 4)]
let runs = 0

function move(p: Point): number {
    p.x += p.y
    p.z = p.z + 1 // after
    if (!(p.z > 10)) say("bad", runs, "b", V, p.z) // after
    p.y = (p.y + 1) % 9
    return p.x
}

function add() {
    runs++
    say("sum", runs, "b", V, points.length)
    if (points.length < 8) points.push(new Point(runs, runs % 5))
    let sum = 0
    for (const p of points) sum += move(p)
    say("sum", runs, "m", V, sum)
}

for (let i = 0; i < 18; ++i) {
    add()
    await ds.sleep(6)
}
await done(5)
