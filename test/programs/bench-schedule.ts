// Looks up what is due in a weekly schedule, as irrigation and heating do.
import * as ds from "@devicescript/core"
interface Entry {
    day: number
    minute: number
    action: string
}

const table: Entry[] = []
for (let i = 0; i < 21; i++) table.push({ day: i % 7, minute: (i * 173) % 1440, action: i % 2 ? "on" : "off" })

function due(day: number, minute: number): Entry {
    let best: Entry = undefined
    for (const entry of table) {
        if (entry.day !== day || entry.minute > minute) continue
        if (!best || entry.minute > best.minute) best = entry
    }
    return best
}

function work(): number {
    let on = 0
    for (let minute = 0; minute < 1440; minute += 60) {
        const entry = due((minute / 60) % 7, minute)
        if (entry && entry.action === "on") on++
    }
    return on
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
