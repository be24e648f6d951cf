const lines = ["led on", "led off", "fan 3", "stop"]
let next = 0

function handle(text: string) {
    if (text === "led on") console.log("LED ON")
    else if (text === "led off") console.log("LED OFF")
    else console.log("unknown " + text)
}

setInterval(() => {
    handle(lines[next % lines.length])
    next++
}, 200)
