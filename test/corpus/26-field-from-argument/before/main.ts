class Valve {
    open = false

    constructor(
        public id: number,
        public name: string
    ) {}

    toggle() {
        this.open = !this.open
        console.log(`${this.name} ${this.open ? "open" : "shut"}`)
    }
}

const valves = [new Valve(1, "lawn"), new Valve(2, "roses")]
let turn = 0

setInterval(() => valves[turn++ % 2].toggle(), 250)
