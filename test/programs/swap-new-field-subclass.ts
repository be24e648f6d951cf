// Fields in a class and its subclass, with sleeping methods that hold objects of either layout.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

class Job {
    steps = 0
    tag = "t" // after
    constructor(public id: number) {}
    async run() {
        for (let i = 0; i < 3; ++i) {
            this.once()
            await ds.sleep(4)
        }
    }
    once() {
        this.steps++
        if (this.tag !== "t") say("bad", this.id, "b", V, this.tag) // after
        say(`job${this.id}`, this.steps, "b", V, this.steps)
    }
}

class LoudJob extends Job {
    volume = 3 // after
    constructor(id: number) {
        super(id)
    }
    override once() {
        this.steps++
        if (this.volume !== 3) say("bad", this.id, "b", V, this.volume) // after
        if (this.tag !== "t") say("bad", this.id, "b", V, this.tag) // after
        say(`job${this.id}`, this.steps, "b", V, this.steps * 2)
    }
}

async function work(id: number) {
    const job = id % 2 ? new Job(id) : new LoudJob(id)
    for (let i = 0; i < 3; ++i) await job.run()
}

work.start(1)
work.start(2)
work.start(3)
await done(140)
