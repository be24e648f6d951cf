// Array methods with callbacks of the program.
import * as ds from "@devicescript/core"
function work(): number {
    const values: number[] = []
    let x = 17
    for (let i = 0; i < 40; i++) {
        x = (x * 75 + 74) % 65537
        values.push(x)
    }
    values.sort((a, b) => a - b)
    const even = values.filter(v => v % 2 === 0).map(v => v >> 1)
    return even.reduce((sum, v) => sum + v, 0) + values[20]
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
