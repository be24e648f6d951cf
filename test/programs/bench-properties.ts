// Reads and writes fields of plain objects.
import * as ds from "@devicescript/core"
interface Point {
    x: number
    y: number
    weight: number
    next: Point
}

function centre(first: Point): number {
    let x = 0
    let y = 0
    let weight = 0
    for (let p = first; p; p = p.next) {
        x += p.x * p.weight
        y += p.y * p.weight
        weight += p.weight
        p.weight = (p.weight + 1) & 7
    }
    return (x + y) / (weight + 1)
}

let points: Point = undefined
for (let i = 0; i < 20; i++) points = { x: i, y: 20 - i, weight: i & 3, next: points }

function work(): number {
    let sum = 0
    for (let i = 0; i < 50; i++) sum += centre(points)
    return Math.round(sum)
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
