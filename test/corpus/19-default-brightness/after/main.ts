let brightness = 40
let presses = 0

function press() {
    presses++
    brightness = Math.min(100, brightness + 15)
    console.log(`brightness ${brightness}`)
}

setInterval(press, 300)
