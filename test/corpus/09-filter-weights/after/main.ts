const WEIGHTS = [4, 2, 1]
const samples = [10, 10, 10]
let tick = 0

function filtered() {
    let sum = 0
    let total = 0
    for (let i = 0; i < WEIGHTS.length; i++) {
        sum += WEIGHTS[i] * samples[i]
        total += WEIGHTS[i]
    }
    return Math.round((sum / total) * 100) / 100
}

setInterval(() => {
    tick++
    samples.insert(0, 1)
    samples[0] = 10 + (tick % 5)
    samples.pop()
    console.log(`value ${filtered()}`)
}, 200)
