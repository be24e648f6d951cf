// Subscribers of an emitter, one of which leaves and comes back.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

const emitter = ds.emitter<number>()
let second = 0
let third = 0

emitter.subscribe(value => {
    say("first", value, "b", V, value * value)
})

function subscribeSecond() {
    const unsubscribe = emitter.subscribe(async value => {
        second++
        say("second", second, "b", V, second)
        await ds.sleep(2)
        if (second % 4 === 0) {
            unsubscribe()
            setTimeout(subscribeSecond, 12)
        }
    })
}
subscribeSecond()
emitter.subscribe(value => {
    third = third + value
    say("third", value, "b", V, third)
})

for (let i = 1; i <= 20; ++i) {
    await ds.sleep(8)
    emitter.emit(i)
}
await done(20)
