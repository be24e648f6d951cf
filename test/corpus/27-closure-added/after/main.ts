const doors = ["front", "back"]
let tick = 0

function openDoor(name: string, ms: number) {
    console.log(`open ${name} for ${ms}`)
    setTimeout(() => console.log(`close ${name}`), ms)
}

setInterval(() => {
    tick++
    openDoor(doors[tick % 2], 100 + tick)
}, 400)
