let reads = 0

function readSensor() {
    reads++
    if (reads % 3 === 0) throw new Error("crc")
    return reads * 2
}

function poll() {
    try {
        console.log(`value ${readSensor()}`)
    } catch (e) {
        console.log("read failed")
    }
}

setInterval(poll, 200)
