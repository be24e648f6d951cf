// Fibers that are terminated while they sleep in code of either version, and started again.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let lives = 0

async function worker(life: number) {
    say("worker", life, "b", V)
    await ds.sleep(4)
    say("worker", life, "m", V, life)
    await ds.sleep(1000)
    say("bad", life, "m", V)
}

async function keeper() {
    for (let i = 0; i < 12; ++i) {
        const fiber = worker.start(++lives)
        await ds.sleep(9)
        fiber.terminate()
        keep(i)
    }
}

function keep(round: number) {
    say("keep", round, "b", V, lives)
}

keeper.start()
await done(130)
