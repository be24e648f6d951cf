import * as ds from "@devicescript/core"
import { Heater } from "./heater"

/** Fires when a heater leaves its band or comes back to it. */
export const alarm = ds.emitter<Heater>()

const LIMIT_C = 80
let hot = 0

alarm.subscribe(heater => {
    hot++
    console.log(`alarm ${hot}: ${heater.name} at ${Math.round(heater.temperatureC)} C`)
})

/** Call after each step: raises the alarm once for every crossing of the limit. */
export function watch(heater: Heater, beforeC: number) {
    const was = beforeC > LIMIT_C
    const is = heater.temperatureC > LIMIT_C
    if (was !== is) alarm.emit(heater)
}
