// Calls methods, some of them through a base class.
import * as ds from "@devicescript/core"
class Filter {
    value = 0
    constructor(public weight: number) {}
    add(sample: number): number {
        this.value += this.adjust(sample) * this.weight
        return this.value
    }
    adjust(sample: number): number {
        return sample - this.value
    }
}

class Clamped extends Filter {
    constructor(weight: number, public limit: number) {
        super(weight)
    }
    override adjust(sample: number): number {
        const step = sample - this.value
        return step > this.limit ? this.limit : step
    }
}

const filters: Filter[] = [new Filter(0.25), new Clamped(0.5, 10), new Clamped(0.125, 3)]

function work(): number {
    let sum = 0
    for (let i = 0; i < 100; i++) for (const f of filters) sum += f.add(i % 30)
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
