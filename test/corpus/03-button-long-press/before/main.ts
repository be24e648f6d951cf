import * as ds from "@devicescript/core"

const button = ds.emitter<number>()
let presses = 0

function isLong(heldMs: number) {
    return heldMs > 1000
}

button.subscribe(heldMs => {
    presses++
    if (isLong(heldMs)) console.log(`long press ${presses}`)
    else console.log(`short press ${presses}`)
})

// stands in for the finger
const holds = [200, 1000, 1500, 500]
let next = 0
setInterval(() => {
    button.emit(holds[next % holds.length])
    next++
}, 150)
