// Recursion: nothing but calls and comparisons.
import * as ds from "@devicescript/core"
function fib(n: number): number {
    if (n < 2) return n
    return fib(n - 1) + fib(n - 2)
}

function work(): number {
    return fib(13)
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
