const samples: number[] = []
let tick = 0

function average() {
    let sum = 0
    for (const s of samples) sum += s
    return Math.round(sum / samples.length)
}

setInterval(() => {
    tick++
    samples.push((tick * 17) % 40)
    if (samples.length > 4) samples.shift()
    console.log(`average ${average()}`)
}, 200)
