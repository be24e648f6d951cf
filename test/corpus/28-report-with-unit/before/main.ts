let n = 0

function report(name: string, value: number) {
    console.log(`${name}: ${value}`)
}

function poll() {
    n++
    report("temperature", 20 + n)
    report("humidity", 50 - n)
}

setInterval(poll, 300)
