import { check, Verdict } from "./access"

const badges = ["a1", "b2", "c3", "d4"]
let next = 0

function show(v: Verdict) {
    console.log(v === Verdict.Granted ? "green" : "red")
}

setInterval(() => {
    show(check(badges[next % badges.length]))
    next++
}, 200)
