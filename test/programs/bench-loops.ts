// Nested counting loops over numbers.
import * as ds from "@devicescript/core"
function work(): number {
    let sum = 0
    for (let i = 0; i < 100; i++) {
        for (let j = 0; j < 40; j++) {
            if ((i + j) % 3 === 0) sum += i * j
            else sum -= j
        }
    }
    return sum
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
