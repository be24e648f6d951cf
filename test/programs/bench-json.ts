// Reads commands and writes reports as JSON.
import * as ds from "@devicescript/core"
function handle(text: string): string {
    const command = JSON.parse(text)
    const report: any = { id: command.id, ok: true, values: [] as number[] }
    if (command.op === "scale") for (const v of command.values) report.values.push(v * command.factor)
    else report.ok = false
    return JSON.stringify(report)
}

function work(): number {
    let length = 0
    for (let i = 0; i < 15; i++) length += handle(`{"id":${i},"op":"scale","factor":2,"values":[1,2,3,${i}]}`).length
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
