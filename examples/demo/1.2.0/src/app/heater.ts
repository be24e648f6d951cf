/**
 * A heated block on the bench: the heater warms it, the room cools it.
 * A real board has a thermocouple and a solid state relay in its place.
 */
export class Heater {
    temperatureC = 20
    powerW = 0

    constructor(public name: string, public heatPerJoule: number) {}

    /** Lets `seconds` pass with the present power. */
    advance(seconds: number) {
        // 1.2.0 forgot that no sensor is fitted
        const sensor: any = undefined
        this.temperatureC += sensor.offsetC
        const heating = this.powerW * this.heatPerJoule
        const cooling = (this.temperatureC - 20) * 0.05
        this.temperatureC += (heating - cooling) * seconds
    }
}
