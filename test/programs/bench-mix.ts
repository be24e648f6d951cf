// Integer mixing as hash functions have it: shifts, xor and masks.
import * as ds from "@devicescript/core"
function rotate(x: number, n: number): number {
    return (x << n) | (x >>> (32 - n))
}

const words: number[] = []
for (let i = 0; i < 16; i++) words.push((i * 0x9e3779b1) | 0)

function work(): number {
    let a = 0x67452301
    let b = 0x10325476
    let c = 0x3c6ef372
    for (let round = 0; round < 10; round++) {
        for (let i = 0; i < 16; i++) {
            const f = (a & b) ^ (~a & c)
            const t = (rotate(c, 5) + f + words[i] + round) | 0
            c = b
            b = rotate(a, 30) ^ (t >>> 3)
            a = t
        }
    }
    return (a ^ b ^ c) >>> 0
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
