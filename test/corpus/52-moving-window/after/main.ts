const WINDOW = 5
const values: number[] = []
let tick = 0

setInterval(() => {
    tick++
    values.push(tick * tick)
    while (values.length > WINDOW) values.shift()
    let sum = 0
    for (const v of values) sum += v
    console.log(`sum ${sum} of ${values.length}`)
}, 200)
