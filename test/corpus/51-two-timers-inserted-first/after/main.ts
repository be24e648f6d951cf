let a = 0
let b = 0
let c = 0

setInterval(() => {
    c += 10
    console.log(`c ${c}`)
}, 350)

setInterval(() => {
    a++
    console.log(`a ${a}`)
}, 300)

setInterval(() => {
    b += 2
    console.log(`b ${b}`)
}, 400)
