import * as ds from "@devicescript/core"

const motion = ds.emitter<string>()
let events = 0

motion.subscribe(room => console.log(`motion in ${room}`))

motion.subscribe(room => {
    if (room === "hall") console.log(`light on in ${room}`)
})

const ROOMS = ["hall", "kitchen"]
setInterval(() => {
    events++
    motion.emit(ROOMS[events % 2])
}, 250)
