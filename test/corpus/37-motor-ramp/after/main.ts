import { delay } from "@devicescript/core"

let duty = 0

async function ramp(target: number) {
    while (duty !== target) {
        const step = Math.abs(target - duty) > 20 ? 20 : 5
        duty += duty < target ? step : -step
        console.log(`duty ${duty}`)
        await delay(20)
    }
}

let target = 0
setInterval(async () => {
    target = target === 0 ? 40 : 0
    await ramp(target)
}, 500)
