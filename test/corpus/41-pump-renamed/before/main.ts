let runs = 0

function doIt(seconds: number) {
    runs++
    console.log(`pump ${seconds} s, run ${runs}`)
}

function water(moisture: number) {
    if (moisture < 30) doIt(5)
    else if (moisture < 40) doIt(2)
}

let moisture = 20
setInterval(() => {
    moisture = 20 + ((moisture + 7) % 30)
    water(moisture)
}, 200)
