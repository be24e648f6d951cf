class Zone {
    alarms = 0
    codes: number[] = []

    constructor(public name: string) {}

    alarm(code: number) {
        this.alarms++
        this.codes.push(code)
        if (this.codes.length > 2) this.codes.shift()
        console.log(`zone ${this.name} alarm ${code} (${this.alarms}) recent ${this.codes.length}`)
    }
}

const zones = [new Zone("north"), new Zone("south")]
let tick = 0

setInterval(() => {
    tick++
    zones[tick % 2].alarm(tick * 7)
}, 200)
