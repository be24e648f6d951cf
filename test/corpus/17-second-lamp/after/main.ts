import * as ds from "@devicescript/core"

const lamp = new ds.LightBulb("desk")
const shelf = new ds.LightBulb("shelf")
let level = 0

setInterval(() => {
    level = (level + 25) % 100
    console.log(`desk ${level} bound=${lamp.isBound}`)
    console.log(`shelf ${100 - level} bound=${shelf.isBound}`)
}, 300)
