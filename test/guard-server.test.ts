import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { createBoard } from "../sim/index.ts"
import { swappedBySelfInProject } from "./support/swap-program.ts"

/* A Jacdac server of the board, used over the bus by a role of the same board. */
const program = `
import { Server, startServer } from "@devicescript/server"

class Lamp extends Server implements ds.LightBulbServerSpec {
    level = 0
    constructor() {
        super(ds.LightBulb.spec)
    }
    intensity(): ds.AsyncValue<number> {
        return this.level
    }
    set_intensity(value: number) {
        if (value > 0.4) throw new Error("too bright") // after
        this.level = value
        console.log("old " + Math.round(value * 10)) // before
        console.log("new " + Math.round(value * 10)) // after
    }
}

startServer(new Lamp())
const client = new ds.LightBulb()
let n = 0
setInterval(async () => {
    if (!client.isBound) return
    n++
    if (n === 2) await swap()
    if (n <= 6) await client.intensity.write(n === 4 ? 0.5 : n / 20)
    if (n === 7) console.log("level " + Math.round((await client.intensity.read()) * 10))
}, 40)
`

const test = suite("a throw in new code of a Jacdac server")

test("leaves the program and the server running, on the old handler", async () => {
    const board = await createBoard({ deviceId: "12abdd2289421234", program: await swappedBySelfInProject(program, { trial: true, quiet: true }) })
    try {
        const lines: string[] = []
        board.onLine(line => line.startsWith("> ") && lines.push(line.slice(2)))
        await board.powerOn()
        await board.waitForLine(/^> level/, 20_000)
        assert.equal(lines, ["# loaded", "old 1", "new 1", "new 1", "# fault too bright", "old 3", "old 3", "level 3"])
    } finally {
        await board.close()
    }
})

test.run()
