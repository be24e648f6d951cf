let reads = 0
let errors = 0

function readSensor() {
    reads++
    if (reads % 3 === 0) throw new Error("crc")
    return reads * 2
}

function poll() {
    try {
        console.log(`value ${readSensor()}`)
    } catch (e) {
        errors++
        console.log(`read failed, ${errors} in all`)
    }
}

setInterval(poll, 200)
