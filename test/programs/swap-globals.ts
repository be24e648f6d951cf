// Variables of the module: shared, new in one version, and changed by both.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let low = 0
let high = 100
let extra = 0 // after
const limits = { top: 50 }

function squeeze() {
    low++
    high--
    extra++ // after
    if (!(extra > 0)) say("bad", low, "b", V, extra) // after
    if (low % 5 === 0) limits.top = high - low
    say("g.squeeze", low, "b", V, limits.top)
}

function look() {
    say("g.look", low, "b", V, low * high)
}

for (let i = 0; i < 18; ++i) {
    squeeze()
    await ds.sleep(3)
    look()
    await ds.sleep(3)
}
await done(5)
