import { Pid } from "./pid"

const pid = new Pid(2, 0.5)
let speed = 0

function step() {
    const power = pid.step(100 - speed)
    speed += Math.round(power / 10)
    console.log(`speed ${speed} sum ${Math.round(pid.sum)}`)
}

setInterval(step, 200)
