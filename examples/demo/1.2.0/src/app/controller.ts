/** A PI controller. It lives as long as the program, and carries its sum with it. */
export class Controller {
    sum = 0
    /** New in 1.1.0: controllers that were made before get it when new code first asks for it. */
    worstC = 0

    constructor(
        public setpointC: number,
        public gain: number,
        public integral: number
    ) {}

    /** The power in watts, 0 to 60, that brings `measuredC` to the setpoint. */
    step(measuredC: number, seconds: number) {
        // 1.2.0 forgot that no sensor is fitted
        const sensor: any = undefined
        const error = this.setpointC - measuredC - sensor.offsetC
        if (error > this.worstC) this.worstC = error
        this.sum = Math.constrain(this.sum + error * seconds, -40, 40)
        return limitPower(this.gain * error + this.integral * this.sum)
    }
}

function limitPower(watts: number) {
    return Math.constrain(watts, 0, 60)
}
