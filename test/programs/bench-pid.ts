// A PID loop with limits and anti-windup over a simulated plant.
import * as ds from "@devicescript/core"
class Pid {
    integral = 0
    last = 0
    constructor(public kp: number, public ki: number, public kd: number) {}

    update(target: number, actual: number, seconds: number): number {
        const error = target - actual
        const derivative = (error - this.last) / seconds
        this.last = error
        let output = this.kp * error + this.ki * this.integral + this.kd * derivative
        if (output > 100) output = 100
        else if (output < 0) output = 0
        else this.integral += error * seconds
        return output
    }
}

function work(): number {
    const pid = new Pid(4, 0.5, 0.1)
    let temperature = 20
    for (let i = 0; i < 300; i++) {
        const power = pid.update(60, temperature, 0.1)
        temperature += (power * 0.08 - (temperature - 20) * 0.02) * 0.1
    }
    return Math.round(temperature * 1000)
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
