// Makes and calls functions that capture variables.
import * as ds from "@devicescript/core"
function counter(step: number) {
    let n = 0
    return {
        next: () => {
            n += step
            return n
        },
        reset: () => {
            n = 0
        },
    }
}

function compose(f: (x: number) => number, g: (x: number) => number) {
    return (x: number) => g(f(x))
}

function work(): number {
    const c = counter(3)
    const twice = (x: number) => x * 2
    const f = compose(twice, x => x + 1)
    let sum = 0
    for (let i = 0; i < 150; i++) {
        sum += f(c.next())
        if (i % 50 === 49) c.reset()
    }
    return sum
}

// the VM ends a program that computes for more than 131,072 operations without a pause
async function rounds() {
    let result: any = 0
    for (let round = 0; round < 150; round++) {
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
