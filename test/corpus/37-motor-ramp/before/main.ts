import { delay } from "@devicescript/core"

let duty = 0

async function ramp(target: number) {
    while (duty !== target) {
        duty += duty < target ? 10 : -10
        console.log(`duty ${duty}`)
        await delay(20)
    }
}

let target = 0
setInterval(async () => {
    target = target === 0 ? 40 : 0
    await ramp(target)
}, 500)
