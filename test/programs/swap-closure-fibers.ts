// Fibers of inner functions that share a variable of the function around them.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

async function room(name: string, pauseMs: number) {
    let level = 0
    let rounds = 0
    const up = async () => {
        level += 2
        rounds++
        say(`${name}.up`, rounds, "b", V, level)
        await ds.sleep(pauseMs)
        say(`${name}.up`, rounds, "m", V, level)
    }
    const down = () => {
        level -= 1
        say(`${name}.down`, rounds, "b", V, level)
    }
    for (let i = 0; i < 8; ++i) {
        await up()
        down()
        await ds.sleep(3)
    }
}

room.start("hall", 5)
room.start("attic", 7)
await done(140)
