let raw = 0

function scaled() {
    return Math.round(Math.constrain(Math.map(raw, 100, 900, -50, 50), -50, 50))
}

setInterval(() => {
    raw = (raw + 311) % 1200
    console.log(`joystick ${scaled()}`)
}, 200)
