let millivolts = 3300

function volts() {
    return Math.round(millivolts / 100) / 10
}

setInterval(() => {
    millivolts -= 37
    console.log(`battery ${volts()} V`)
}, 300)
