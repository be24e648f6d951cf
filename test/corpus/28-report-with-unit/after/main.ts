let n = 0

function report(name: string, value: number, unit: string) {
    console.log(`${name}: ${value} ${unit}`)
}

function poll() {
    n++
    report("temperature", 20 + n, "C")
    report("humidity", 50 - n, "%")
}

setInterval(poll, 300)
