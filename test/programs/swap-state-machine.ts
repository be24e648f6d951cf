// A switch over states, with a queue of messages between two fibers.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

const queue: { kind: string; value: number }[] = []
let state = "idle"
let handled = 0

function handle(kind: string, value: number) {
    handled++
    switch (state) {
        case "idle":
            state = kind === "start" ? "run" : "idle"
            break
        case "run":
            if (value > 6) state = "stop"
            else if (kind === "pause") state = "pause"
            break
        case "pause":
            state = "run"
            break
        default:
            state = "idle"
    }
    say("handle", handled, "b", V, state)
}

function produce(i: number) {
    const kinds = ["start", "go", "pause", "go"]
    queue.push({ kind: kinds[i & 3], value: (i * 7) % 10 })
    say("produce", i, "b", V, kinds[i & 3])
}

async function consumer() {
    while (true) {
        while (queue.length) {
            const m = queue.shift()
            handle(m.kind, m.value)
        }
        await ds.sleep(3)
    }
}

consumer.start()
for (let i = 0; i < 20; ++i) {
    produce(i)
    await ds.sleep(7)
}
await done(20)
