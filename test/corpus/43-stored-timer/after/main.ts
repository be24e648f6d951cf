let count = 0
const timer = setInterval(tick, 100)

function tick() {
    count++
    console.log(`count ${count}`)
    if (count === 12) {
        clearInterval(timer)
        console.log("stopped")
    }
}
