let runs = 0

function runPump(seconds: number) {
    runs++
    console.log(`pump ${seconds} s, run ${runs}`)
}

function water(moisture: number) {
    if (moisture < 30) runPump(6)
    else if (moisture < 40) runPump(3)
}

let moisture = 20
setInterval(() => {
    moisture = 20 + ((moisture + 7) % 30)
    water(moisture)
}, 200)
