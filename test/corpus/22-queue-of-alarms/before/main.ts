class Zone {
    alarms = 0

    constructor(public name: string) {}

    alarm(code: number) {
        this.alarms++
        console.log(`zone ${this.name} alarm ${code} (${this.alarms})`)
    }
}

const zones = [new Zone("north"), new Zone("south")]
let tick = 0

setInterval(() => {
    tick++
    zones[tick % 2].alarm(tick * 7)
}, 200)
