const samples: number[] = []
let tick = 0

function average() {
    const low = samples.filter(s => s < 30)
    const sum = low.reduce((a, s) => a + s, 0)
    return low.length ? Math.round(sum / low.length) : 0
}

setInterval(() => {
    tick++
    samples.push((tick * 17) % 40)
    if (samples.length > 4) samples.shift()
    console.log(`average ${average()}`)
}, 200)
