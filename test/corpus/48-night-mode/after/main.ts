let hour = 20

function brightness() {
    return hour >= 22 || hour < 6 ? 5 : 80
}

setInterval(() => {
    hour = (hour + 1) % 24
    console.log(`hour ${hour} brightness ${brightness()}`)
}, 200)
