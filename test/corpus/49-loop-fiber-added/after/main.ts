import { delay } from "@devicescript/core"

let volume = 0

function sense() {
    volume = (volume + 9) % 40
    console.log(`volume ${volume}`)
}

setInterval(sense, 300)

async function meter() {
    while (true) {
        console.log(volume > 20 ? "loud" : "quiet")
        await delay(400)
    }
}
meter.start()
