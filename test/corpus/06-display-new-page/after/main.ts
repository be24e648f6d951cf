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

function showRange() {
    line(0, "Range")
    line(1, "20 to " + temperatureC)
}

function refresh() {
    temperatureC++
    page = (page + 1) % 3
    if (page === 0) showTemperature()
    else if (page === 1) showRange()
    else showAbout()
}

setInterval(refresh, 400)
