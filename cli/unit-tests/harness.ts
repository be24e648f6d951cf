import { posix } from "node:path"

/** First word of what the harness prints. */
export const MARK = "HANDOVER-TEST"

/** Where the harness of a test file lies: beside it, so that both see the same libraries. */
export function harnessPath(testFile: string): string {
    return posix.join(posix.dirname(testFile), "handover-harness.ts")
}

/**
 * The program around one test file, in DeviceScript. @devicescript/test runs by itself after the first `describe`, prints
 * for people, and keeps its results; so each test says when it begins, and one more at the very end says what became of all.
 */
export function harness(testFile: string): string {
    const module = posix.basename(testFile).replace(/\.ts$/, "")
    return `import "./${module}"
${imports("* as ds", "@devicescript/core")}
${imports("{ root, runTests, SuiteNode, TestNode }", "@devicescript/test/src/core")}

const tests: TestNode[] = []

function tell(kind: string, id: number, value: any) {
    console.log("${MARK} " + kind + " " + id + " " + JSON.stringify(value))
}

function watch(test: TestNode, path: string) {
    const id = tests.length
    tests.push(test)
    tell("found", id, path + test.name)
    const body = test.body
    ;(test as any).body = async () => {
        const startMs = ds.millis()
        tell("begin", id, 0)
        try {
            const undo = await body()
            if (typeof undo === "function") await undo()
        } finally {
            tell("end", id, ds.millis() - startMs)
        }
    }
}

function watchAll(suite: SuiteNode, path: string) {
    const here = suite.name ? path + suite.name + " > " : path
    for (const child of suite.children) watchAll(child, here)
    for (const test of suite.tests) watch(test, here)
}

function tellStates() {
    for (let id = 0; id < tests.length; ++id) tell("state", id, tests[id].state)
    tell("done", tests.length, 0)
}

const starts = root.children.length > 0
watchAll(root, "")
// the tests of the root come last
root.tests.push(new TestNode("", tellStates, {}))
if (!starts) {
    await runTests()
    ds.restart()
}
`
}

/** A line of the program's, not of this file. */
const imports = (names: string, module: string): string => `import ${names} from "${module}"`
