// A loop within a loop, both of which sleep.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

async function scan() {
    let total = 0
    for (let row = 0; row < 4; ++row) {
        for (let column = 0; column < 4; ++column) {
            total += row * column
            say("scan", row * 4 + column + 1, "i", V, total)
            await ds.sleep(5)
        }
        total *= 2
        await ds.sleep(4)
    }
}

scan.start()
await done(150)
