const PATTERN = hex`ff804020100800`
let at = 0

setInterval(() => {
    const value = PATTERN[at % PATTERN.length]
    at++
    console.log(`pixel ${value}`)
}, 150)
