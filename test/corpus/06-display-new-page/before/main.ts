let page = 0
let temperatureC = 20

function line(row: number, text: string) {
    console.log(`lcd ${row}: ${text}`)
}

function showTemperature() {
    line(0, "Temperature")
    line(1, temperatureC + " C")
}

function showAbout() {
    line(0, "Weather 1.0")
}

function refresh() {
    temperatureC++
    page = (page + 1) % 2
    if (page === 0) showTemperature()
    else showAbout()
}

setInterval(refresh, 400)
