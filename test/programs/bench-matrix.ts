// Arrays of numbers: a moving average and a small matrix product.
import * as ds from "@devicescript/core"
const size = 6

function product(a: number[], b: number[], out: number[]): void {
    for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
            let sum = 0
            for (let k = 0; k < size; k++) sum += a[i * size + k] * b[k * size + j]
            out[i * size + j] = sum % 1000
        }
    }
}

function work(): number {
    const a: number[] = []
    const b: number[] = []
    const out: number[] = []
    for (let i = 0; i < size * size; i++) {
        a.push(i)
        b.push(size * size - i)
    }
    for (let n = 0; n < 3; n++) product(a, b, out)
    return out[7] + out[20]
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
