// Builds texts out of pieces, as status lines and topics are built.
import * as ds from "@devicescript/core"
function line(name: string, value: number): string {
    let text = name + "=" + value
    if (value > 50) text += "!"
    return `${text};${name.length}`
}

function work(): number {
    let length = 0
    for (let i = 0; i < 100; i++) {
        const text = line("sensor" + (i % 7), i)
        length += text.length
        if (text[0] === "s") length++
    }
    return length
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
