const PATTERN = hex`ff00ff0000`
let at = 0

setInterval(() => {
    const value = PATTERN[at % PATTERN.length]
    at++
    console.log(`pixel ${value}`)
}, 150)
