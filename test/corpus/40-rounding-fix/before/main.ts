let millivolts = 3300

function volts() {
    return Math.floor(millivolts / 100) / 10
}

setInterval(() => {
    millivolts -= 37
    console.log(`battery ${volts()} V`)
}, 300)
