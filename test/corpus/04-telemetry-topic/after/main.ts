import { publish } from "./broker"

const DEVICE = "greenhouse-3"
let sequence = 0

function report() {
    sequence++
    const payload = { seq: sequence, moisture: 40 + (sequence % 7) }
    publish("farm/" + DEVICE + "/soil", JSON.stringify(payload))
}

setInterval(report, 300)
