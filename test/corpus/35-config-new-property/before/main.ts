const config = { name: "pump", maxSeconds: 5, rate: 2 }
let seconds = 0
let litres = 0

function step() {
    seconds++
    litres += config.rate
    if (seconds >= config.maxSeconds) {
        console.log(`${config.name} pause at ${litres}`)
        seconds = 0
    } else console.log(`${config.name} ${litres}`)
}

setInterval(step, 150)
