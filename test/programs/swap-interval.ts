// One timer.
import { done, say } from "./harness"
import { V } from "./version"

let ticks = 0
let sum = 0

function tick() {
    if (ticks >= 20) return
    ticks++
    sum = (sum * 3 + ticks) % 1009
    say("tick", ticks, "b", V, sum)
}

setInterval(tick, 10)
await done(230)
