const lines = ["led on", "led off", "fan 3", "stop"]
let next = 0

function handle(text: string) {
    if (text === "led on") console.log("LED ON")
    else if (text === "led off") console.log("LED OFF")
    else if (text.startsWith("fan ")) {
        const words = text.split(" ")
        console.log(`fan speed ${words[1]}`)
    } else console.log("unknown " + text)
}

setInterval(() => {
    handle(lines[next % lines.length])
    next++
}, 200)
