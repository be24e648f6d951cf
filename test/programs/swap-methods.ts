// Methods that change, also in a subclass; dispatch stays dynamic.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

class Shape {
    runs = 0
    constructor(public name: string) {}
    area(): number {
        return this.runs
    }
    report() {
        this.runs++
        say(this.name, this.runs, "b", V, this.area())
    }
}

class Square extends Shape {
    side = 1
    constructor(name: string) {
        super(name)
        this.side = 2
    }
    override area(): number {
        this.side = (this.side * 3 + V * 0) % 31
        return this.side * this.side
    }
}

const shapes: Shape[] = [new Shape("plain"), new Square("square")]
for (let i = 0; i < 15; ++i) {
    for (const s of shapes) s.report()
    await ds.sleep(7)
}
await done(5)
