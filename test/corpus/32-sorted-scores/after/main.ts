const scores = [12, 7, 30, 21]
let round = 0

function show() {
    round++
    scores[round % scores.length] += 5
    const best = scores.slice(0).sort((a, b) => b - a)
    console.log(`scores ${best.join(" ")}`)
}

setInterval(show, 250)
