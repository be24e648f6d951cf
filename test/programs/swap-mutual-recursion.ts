// Of two functions that call each other one stays as it is.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let calls = 0

async function even(n: number): Promise<boolean> {
    const me = ++calls
    say("m.even", me, "b", V, n)
    await ds.sleep(2)
    const result = n === 0 ? true : await odd(n - 1)
    say("m.even", me, "m", V, result)
    return result
}

async function odd(n: number): Promise<boolean> {
    await ds.sleep(1)
    return n === 0 ? false : await even(n - 1)
}

async function run() {
    for (let n = 3; n < 9; ++n) console.log(`m.result ${n} m v0 @0 ${await even(n)}`)
}

run.start()
await done(120)
