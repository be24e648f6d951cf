class Valve {
    open = false
    topic: string

    constructor(
        public id: number,
        public name: string
    ) {
        this.topic = "valve/" + id
    }

    toggle() {
        this.open = !this.open
        console.log(`${this.topic} ${this.name} ${this.open ? "open" : "shut"}`)
    }
}

const valves = [new Valve(1, "lawn"), new Valve(2, "roses")]
let turn = 0

setInterval(() => valves[turn++ % 2].toggle(), 250)
