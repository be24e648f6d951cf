// Rest parameters, default values and many arguments.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let runs = 0

async function join(first: string, ...rest: number[]): Promise<string> {
    const run = ++runs
    say("r.join", run, "b", V, rest.length)
    await ds.sleep(2)
    let text = first
    for (const n of rest) text += n
    say("r.join", run, "m", V, text)
    return text
}

function mix(a: number, b = 5, c = a + b, d?: number): number {
    say("r.mix", runs, "b", V, `${a},${b},${c},${d}`)
    return (a * 2 + b * 3 + c * 5) % 997
}

async function all() {
    let x = 1
    for (let i = 0; i < 12; ++i) {
        const text = await join("t", i, x, i * x)
        x = i % 2 ? mix(x) : mix(x, i, text.length)
        await ds.sleep(3)
    }
}

all.start()
await done(110)
