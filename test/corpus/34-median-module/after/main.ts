import { median } from "./median"

let tick = 0
let last = 0

function measure() {
    tick++
    return tick % 4 === 0 ? 900 : 100 + tick
}

setInterval(() => {
    last = median(measure())
    console.log(`distance ${last}`)
}, 200)
