let raw = 0

function scaled() {
    return Math.round(raw / 10.23)
}

setInterval(() => {
    raw = (raw + 311) % 1200
    console.log(`joystick ${scaled()}`)
}, 200)
