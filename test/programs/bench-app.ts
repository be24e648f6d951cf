// A whole small application: sensor, filter, alarm, display text, history.
import * as ds from "@devicescript/core"
class Sensor {
    private phase = 0
    constructor(public name: string, public offset: number) {}
    read(): number {
        this.phase = (this.phase + 37) & 255
        return this.offset + (this.phase > 127 ? 255 - this.phase : this.phase) / 8
    }
}

class Alarm {
    active = false
    since = 0
    constructor(public high: number, public low: number) {}
    check(value: number, now: number): boolean {
        if (!this.active && value > this.high) {
            this.active = true
            this.since = now
            return true
        }
        if (this.active && value < this.low) {
            this.active = false
            return true
        }
        return false
    }
}

const sensors = [new Sensor("in", 15), new Sensor("out", 5), new Sensor("cellar", 10)]
const alarms = [new Alarm(28, 20), new Alarm(18, 8), new Alarm(22, 12)]
const history: number[] = []
let display = ""
let events = 0

function format(value: number): string {
    return Math.round(value * 10) / 10 + "C"
}

function remember(value: number): number {
    history.push(value)
    if (history.length > 16) history.shift()
    let sum = 0
    for (const v of history) sum += v
    return sum / history.length
}

function tick(now: number): void {
    for (let i = 0; i < sensors.length; i++) {
        const value = sensors[i].read()
        const mean = remember(value)
        if (alarms[i].check(value, now)) {
            events++
            display = sensors[i].name + " " + format(value) + " mean " + format(mean)
        }
    }
}

function work(): number {
    for (let now = 0; now < 40; now++) tick(now)
    return events * 100 + display.length
}

// the VM ends a program that computes for more than 131,072 operations without a pause
async function rounds() {
    let result: any = 0
    for (let round = 0; round < 100; round++) {
        result = work()
        await ds.sleep(0)
    }
    return result
}

const start = ds.millis()
const result = await rounds()
console.log(`result ${result}`)
console.log(`took ${ds.millis() - start}`)
console.log("done")
