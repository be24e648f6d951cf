let calls = 0

function readI2c() {
    calls++
    if (calls % 4 === 2) throw new Error("nack")
    return calls
}

function poll() {
    try {
        console.log(`value ${readI2c()}`)
    } catch (e) {
        console.log("lost")
    }
}

setInterval(poll, 200)
