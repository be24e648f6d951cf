// Timers of periods without a common divisor, with anonymous callbacks.
import { done, say } from "./harness"
import { V } from "./version"

const counts = [0, 0, 0]

setInterval(() => {
    if (counts[0] < 20) say("a", ++counts[0], "b", V, counts[0] * 2)
}, 7)
setInterval(() => {
    if (counts[1] < 14) say("b", ++counts[1], "b", V, counts[1] ^ 5)
}, 11)
setInterval(() => {
    if (counts[2] < 12) say("c", ++counts[2], "b", V, `${counts[2]}c`)
}, 13)
await done(200)
