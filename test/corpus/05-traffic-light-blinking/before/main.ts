enum State {
    Red,
    Green,
    Yellow,
}

let state = State.Red
let ticks = 0

function name(s: State) {
    switch (s) {
        case State.Red:
            return "red"
        case State.Green:
            return "green"
        default:
            return "yellow"
    }
}

function step() {
    ticks++
    switch (state) {
        case State.Red:
            if (ticks >= 3) enter(State.Green)
            break
        case State.Green:
            if (ticks >= 4) enter(State.Yellow)
            break
        case State.Yellow:
            enter(State.Red)
            break
    }
}

function enter(next: State) {
    state = next
    ticks = 0
    console.log(`light ${name(state)}`)
}

setInterval(step, 100)
