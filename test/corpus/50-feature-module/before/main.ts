let value = 3

export function reading() {
    return value
}

setInterval(() => {
    value = (value * 5) % 17
    console.log(`value ${value}`)
}, 250)
