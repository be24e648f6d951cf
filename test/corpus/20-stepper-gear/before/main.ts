const STEP_DEGREES = 1.8
const GEAR = 2
const STEPS_PER_TURN = Math.round(360 / STEP_DEGREES) * GEAR
let position = 0

function advance() {
    position = (position + 90) % STEPS_PER_TURN
    console.log(`step ${position} of ${STEPS_PER_TURN}`)
}

setInterval(advance, 200)
