// Library functions call back into code that changes, also into code that sleeps.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let runs = 0

async function filterAll() {
    const run = ++runs
    say("l.all", run, "b", V)
    const squares = [3, 1, 2].map(x => x * x + run)
    squares.sort((x, y) => x - y)
    let visits = 0
    for (const s of squares) {
        visits += s
        await ds.sleep(1)
    }
    const sum = squares.reduce((x, y) => x + y, 0)
    say("l.all", run, "m", V, `${squares.join("/")} ${sum} ${visits}`)
}

async function all() {
    for (let i = 0; i < 14; ++i) {
        await filterAll()
        await ds.sleep(4)
    }
}

all.start()
await done(130)
