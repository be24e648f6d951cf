// A state machine with a switch, as a button or a protocol has it.
import * as ds from "@devicescript/core"
enum State {
    Idle,
    Armed,
    Running,
    Paused,
    Failed,
}

let state: State = State.Idle
let ticks = 0
let changes = 0

function step(input: number): void {
    const before = state
    switch (state) {
        case State.Idle:
            if (input === 1) state = State.Armed
            break
        case State.Armed:
            if (input === 2) {
                state = State.Running
                ticks = 0
            } else if (input === 0) state = State.Idle
            break
        case State.Running:
            ticks++
            if (input === 3) state = State.Paused
            else if (ticks > 20) state = State.Failed
            break
        case State.Paused:
            if (input === 2) state = State.Running
            break
        default:
            state = State.Idle
    }
    if (before !== state) changes++
}

function work(): number {
    for (let i = 0; i < 600; i++) step((i * 7 + (i >> 2)) & 3)
    return changes
}

// the VM ends a program that computes for more than 131,072 operations without a pause
async function rounds() {
    let result: any = 0
    for (let round = 0; round < 100; round++) {
        result = work()
        await ds.sleep(0)
    }
    return result
}

const start = ds.millis()
const result = await rounds()
console.log(`result ${result}`)
console.log(`took ${ds.millis() - start}`)
console.log("done")
