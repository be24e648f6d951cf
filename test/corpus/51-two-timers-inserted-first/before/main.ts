let a = 0
let b = 0

setInterval(() => {
    a++
    console.log(`a ${a}`)
}, 300)

setInterval(() => {
    b++
    console.log(`b ${b}`)
}, 400)
