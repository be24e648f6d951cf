// A renamed field in a class and another in its subclass, with rules for both, and sleeping methods that hold the objects.
import * as ds from "@devicescript/core"
import { migrate } from "./hotswap/migration"
import { done, say } from "./harness"
import { V } from "./version"

class Tank {
    litres = 1 // before
    volume = 1000 // after
    constructor(public id: number) {}
    fill() {
        this.litres++ // before
        this.volume += 1000 // after
    }
    level(): number {
        return this.litres // before
        return this.volume / 1000 // after
    }
    async run() {
        for (let i = 0; i < 3; ++i) {
            this.once()
            await ds.sleep(4)
        }
    }
    once() {
        this.fill()
        say(`tank${this.id}`, this.level(), "b", V, this.level())
    }
}

class Cooled extends Tank {
    celsius = 20 // before
    kelvin = 293 // after
    override once() {
        this.fill()
        this.celsius++ // before
        this.kelvin++ // after
        say(`tank${this.id}`, this.level(), "b", V, this.level() + " " + this.celsius) // before
        say(`tank${this.id}`, this.level(), "b", V, this.level() + " " + (this.kelvin - 273)) // after
    }
}

migrate(Tank, { to: 2, up: (t: any) => { t.volume = t.litres * 1000; delete t.litres }, down: (t: any) => { t.litres = t.volume / 1000; delete t.volume } }) // after
migrate(Cooled, { to: 2, up: (t: any) => { t.kelvin = t.celsius + 273; delete t.celsius }, down: (t: any) => { t.celsius = t.kelvin - 273; delete t.kelvin } }) // after

async function work(id: number) {
    const tank = id % 2 ? new Tank(id) : new Cooled(id)
    for (let i = 0; i < 3; ++i) await tank.run()
}

work.start(1)
work.start(2)
work.start(3)
await done(140)
