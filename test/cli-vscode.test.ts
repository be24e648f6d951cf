import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { planInit } from "../cli/init/plan.ts"
import { handoverProgram } from "../cli/program.ts"
import { formatRefusals } from "../cli/update-report.ts"

const test = suite("what `handover init` gives VS Code")

interface Pattern {
    readonly regexp: string
    readonly [part: string]: string | number
}

interface Matcher {
    readonly owner: string
    readonly pattern: Pattern
    readonly background?: { readonly beginsPattern: string; readonly endsPattern: string }
}

interface Task {
    readonly label: string
    readonly command: string
    readonly dependsOn?: string
    readonly isBackground?: boolean
    readonly problemMatcher: readonly (string | Matcher)[]
}

const files = new Map(planInit(() => undefined, { folder: "lamp", entry: "src/lamp.ts", handover: "0.1.0", devicescript: "2.16.4" }).map(change => [change.path, change.after]))
const json = (path: string) => JSON.parse(files.get(path)!)
const { tasks } = json(".vscode/tasks.json") as { tasks: readonly Task[] }
const dev = tasks.filter(task => task.command.startsWith("npx handover dev"))

test("each task is a command that there is, and depends on tasks that there are", async () => {
    const program = await handoverProgram([])
    for (const { label, command, dependsOn } of tasks) {
        const [npx, tool, verb, ...options] = command.split(" ")
        assert.is(npx, "npx", label)
        if (dependsOn) assert.ok(tasks.some(task => task.label === dependsOn), `${label} depends on ${dependsOn}`)
        if (tool === "devs") {
            assert.equal([verb, ...options], ["deploy", "built/base.devs"], label)
            continue
        }
        assert.is(tool, "handover", label)
        const found = program.commands.find(c => c.name() === verb)
        assert.ok(found, `${label}: there is no verb ${verb}`)
        for (const option of options) assert.ok(found.options.some(o => o.long === option), `${label}: ${verb} has no option ${option}`)
    }
    assert.equal(dev.map(task => task.command), ["npx handover dev", "npx handover dev --jacdac"])
})

test("errors and refusals in the terminal become problems at their file and line", () => {
    const error = "src/app/controller.ts(12,7): error TS2304: Cannot find name 'missing'."
    const refusal = formatRefusals([{ code: "HOV101", functionName: "main", location: "src/lamp.ts:31", detail: "the statement has run and cannot be undone", fix: "Put it into a function." }])
    for (const { label, problemMatcher } of dev) {
        const [errors, refusals] = problemMatcher as readonly Matcher[]
        const read = ({ pattern }: Matcher, text: string) => {
            const found = text.split("\n").map(line => new RegExp(pattern.regexp).exec(line)).find(Boolean)
            assert.ok(found, `${label}: nothing in ${text}`)
            return (name: string) => found[pattern[name] as number]
        }
        const atError = read(errors, error)
        assert.equal(["file", "line", "column", "message"].map(atError), ["src/app/controller.ts", "12", "7", "TS2304: Cannot find name 'missing'."])
        const atRefusal = read(refusals, refusal)
        assert.equal(["code", "file", "line"].map(atRefusal), ["HOV101", "src/lamp.ts", "31"])
        const { beginsPattern, endsPattern } = errors.background!
        assert.match("saved src/lamp.ts", new RegExp(beginsPattern))
        for (const line of ["ready: a simulated esp32 runs 1.0.0", "runs 640 ms after the edit", "not compiled: the board goes on with what it has", "unchanged: the board runs this already", "failed: no board"]) assert.match(line, new RegExp(endsPattern))
    }
})

test("the linked base is debugged with the adapter that the task before it starts", async () => {
    const { preLaunchTask, debugServer } = json(".vscode/launch.json").configurations[1]
    const task = tasks.find(t => t.label === preLaunchTask)!
    assert.equal([task.command, task.dependsOn, task.isBackground], ["npx handover debug", "handover: build the base", true])
    const { endsPattern } = (task.problemMatcher as unknown as Matcher).background!
    assert.match("ready: a debug adapter listens on 127.0.0.1:8084; ctrl-C ends it", new RegExp(endsPattern))
    const verb = (await handoverProgram(["debug"])).commands.find(c => c.name() === "debug")!
    assert.is(Number(verb.opts().port), debugServer)
})

test("F5 launches the project's entry in the simulator, by the extension that is recommended", () => {
    const { configurations } = json(".vscode/launch.json")
    assert.is(configurations.length, 2)
    for (const { type, request, program, deviceId } of configurations) {
        // what the extension's package.json requires of a launch
        assert.equal([type, request], ["devicescript", "launch"])
        assert.is(program, "${workspaceFolder}/src/lamp.ts")
        assert.is(deviceId, "${command:deviceScriptSimulator}")
    }
    assert.ok(files.has("src/lamp.ts"))
    assert.equal(json(".vscode/extensions.json").recommendations, ["devicescript.devicescript-vscode"])
})

test.run()
