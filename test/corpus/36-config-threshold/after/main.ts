const config = { low: 30, high: 50, unit: "%" }
let humidity = 25

function check() {
    humidity += 4
    if (humidity > config.high) console.log(`too wet ${humidity}${config.unit}`)
    else if (humidity < config.low) console.log(`too dry ${humidity}${config.unit}`)
    else console.log(`ok ${humidity}${config.unit}`)
    if (humidity > 90) humidity = 20
}

setInterval(check, 200)
