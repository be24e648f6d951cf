import { watch } from "./alarm"
import { Controller } from "./controller"
import { Heater } from "./heater"
import { VERSION } from "./version"

const PERIOD_MS = 10
const TICKS_PER_REPORT = 100

const heater = new Heater("bed", 0.4)
const controller = new Controller(60, 2, 0.2)
let ticks = 0

/** One turn of the control loop. Its mark `t N version` is what an observer times on the serial line. */
function tick() {
    ticks++
    console.log(`t ${ticks} ${VERSION}`)
    control(PERIOD_MS / 1000)
    if (ticks % TICKS_PER_REPORT === 0) report()
}

function control(seconds: number) {
    const beforeC = heater.temperatureC
    heater.powerW = controller.step(beforeC, seconds)
    heater.advance(seconds)
    watch(heater, beforeC)
}

function report() {
    const tenths = Math.round(heater.temperatureC * 10) / 10
    console.log(`app v=${VERSION} ticks=${ticks} bed=${tenths}C power=${Math.round(heater.powerW)}W`)
}

console.log("app starts")
setInterval(tick, PERIOD_MS)
