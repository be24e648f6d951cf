// Recursion with a sleep on the way down and on the way up.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let calls = 0

async function tree(depth: number): Promise<number> {
    const me = ++calls
    say("t.node", me, "b", V, depth)
    if (depth === 0) return 1
    await ds.sleep(1)
    const left = await tree(depth - 1)
    say("t.node", me, "m", V, left)
    const right = depth > 1 ? await tree(depth - 2) : 0
    await ds.sleep(1)
    say("t.node", me, "m", V, left + right)
    return left + right
}

async function grow() {
    for (let i = 0; i < 3; ++i) console.log(`t.sum ${i} m v0 @0 ${await tree(5)}`)
}

grow.start()
await done(180)
