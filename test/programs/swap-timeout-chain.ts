// A timeout that sets itself again, and one that is cleared and set anew.
import { done, say } from "./harness"
import { V } from "./version"

let n = 0
let watchdog = 0
let barks = 0

function again() {
    n++
    say("chain", n, "b", V, barks)
    clearTimeout(watchdog)
    watchdog = setTimeout(bark, 25) as any
    if (n < 18) setTimeout(again, n % 6 === 0 ? 30 : 5)
}

function bark() {
    barks++
    say("bark", barks, "b", V, barks)
}

setTimeout(again, 3)
await done(260)
