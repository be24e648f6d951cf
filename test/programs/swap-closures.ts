// Closures made by the old version are called in the new one, and the other way round.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

function counter(name: string, by: number): () => number {
    let count = 0
    return () => {
        count += by
        say(name, count / by, "b", V, count)
        return count
    }
}

const one = counter("one", 1)
const two = counter("two", 2)

function remake(): () => number {
    return counter("three", 3)
}

const fresh = remake()
for (let i = 0; i < 16; ++i) {
    one()
    if (i % 2) two()
    fresh()
    await ds.sleep(6)
}
await done(5)
