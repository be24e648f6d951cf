const scores = [12, 7, 30, 21]
let round = 0

function show() {
    round++
    scores[round % scores.length] += 5
    console.log(`scores ${scores.join(" ")}`)
}

setInterval(show, 250)
