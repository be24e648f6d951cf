class Sensor {
    constructor(public name: string) {}

    read() {
        return 0
    }

    text() {
        return `${this.name}=${this.read()}`
    }
}

class Ramp extends Sensor {
    value = 0

    override read() {
        this.value += 5
        return this.value
    }

    override text() {
        return `${this.name}: ${this.read()} mV`
    }
}

const sensors = [new Sensor("zero"), new Ramp("ramp")]

setInterval(() => {
    for (const s of sensors) console.log(s.text())
}, 300)
