import { delay } from "@devicescript/core"

let beats = 0

async function heartbeat() {
    while (true) {
        beats++
        if (beats % 2 === 0) console.log(`beat ${beats}`)
        await delay(200)
    }
}

heartbeat.start()
setInterval(() => console.log(`${beats} beats`), 500)
