import * as ds from "@devicescript/core"

const knob = ds.clientRegister(0)
let position = 0

function setBrightness(value: number) {
    console.log(`brightness ${value}`)
}

function setHue(value: number) {
    console.log(`hue ${value * 10}`)
}

setHue(0)
knob.subscribe(setHue)

setInterval(() => {
    position = (position + 3) % 20
    knob.emit(position)
}, 200)
