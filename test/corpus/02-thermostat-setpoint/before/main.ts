const SETPOINT_C = 21
const HYSTERESIS_C = 0.5
let roomC = 18
let heating = false

function control() {
    if (roomC < SETPOINT_C - HYSTERESIS_C) heating = true
    else if (roomC > SETPOINT_C + HYSTERESIS_C) heating = false
    roomC += heating ? 0.5 : -0.2
    console.log(`room ${Math.round(roomC * 10) / 10} heating ${heating}`)
}

setInterval(control, 200)
