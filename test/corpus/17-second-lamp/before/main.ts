import * as ds from "@devicescript/core"

const lamp = new ds.LightBulb("desk")
let level = 0

setInterval(() => {
    level = (level + 25) % 100
    console.log(`desk ${level} bound=${lamp.isBound}`)
}, 300)
