const SCHEDULE = [
    { minute: 3, light: true },
    { minute: 8, light: false },
]
let minute = 0

function tick() {
    minute = (minute + 1) % 10
    for (const entry of SCHEDULE) if (entry.minute === minute) console.log(`minute ${minute} light ${entry.light}`)
}

// a minute of the day passes in 100 ms
setInterval(tick, 100)
