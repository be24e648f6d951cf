import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { formatUpdate, updateReport } from "../cli/update-report.ts"
import { inVersion, swappable, updateTo } from "./support/swap-program.ts"

const test = suite("what the way back loses")

const text = `import * as ds from "@devicescript/core"
import { migrate } from "./hotswap/migration"
class Tank {
    litres = 5 // before
    volume = 5 // after
    seen = 0 // after
    name = "t"
}
class Pump {
    speed = 1
    mode = "a" // after
}
class Valve { open = true }
migrate(Tank, { to: 2, up: (t: any) => { t.volume = t.litres; delete t.litres }, down: (t: any) => { t.litres = t.volume; delete t.volume } }) // after
migrate(Valve, { to: 2, up: (v: any) => { v.state = v.open ? 1 : 0; delete v.open } }) // after
const [tank, pump, valve] = [new Tank(), new Pump(), new Valve()]
let runs = 0 // after
const limit = 3 // after
function step() {
    runs++ // after
    console.log(tank.name, pump.speed, valve)
}
setInterval(step, 1000)
`

test("is printed when an image is built: fields, variables, and what no way back reads or brings back", () => {
    const files = (version: "before" | "after") => ({ "program.ts": inVersion(version, text) })
    const next = swappable(files("after")).base.program
    const lines = formatUpdate(updateReport(next, updateTo(swappable(files("before")), files("after")))).split("\n")
    const at = lines.indexOf("lost when the image is called back:")
    assert.ok(at > 0, lines.join("\n"))
    assert.equal(lines.slice(at + 1).sort(), [
        "  Pump.mode: a field that the base does not have",
        "  Tank.seen: a field that the base does not have",
        "  Valve.open: `up` deletes it, and nothing brings it back",
        "  Valve.state: migration to 2 has no `down`",
        "  runs: a variable that the base does not have",
    ])
})

test.run()
