const TABLE: number[] = []
for (let i = 0; i < 8; i++) TABLE.push(i * i)

let at = 0
setInterval(() => {
    at = (at + 1) % TABLE.length
    console.log(`dac ${TABLE[at]}`)
}, 150)
