import type { InitOptions } from "./plan.ts"

/** A project where there is none: a board that counts, ready to be changed while it runs. */
export function newProjectFiles({ entry }: InitOptions): Readonly<Record<string, string>> {
    return {
        [entry]: mainFile,
        "devsconfig.json": "{}\n",
        "tsconfig.json": tsConfig,
        ".env.defaults": "# settings of every board; those of yours, and its token, belong in .env.local\n# hUrl=http://192.168.0.10:8070\n",
    }
}

const mainFile = `import { startResident } from "handover"

const PERIOD_MS = 500
let blinks = 0

/** Change this function while the board runs: handover diff, handover publish. */
function blink() {
    blinks++
    console.log(\`blink \${blinks}\`)
}

setInterval(blink, PERIOD_MS)

await startResident()
`

const tsConfig = `{
    "compilerOptions": {
        "moduleResolution": "node",
        "target": "es2022",
        "module": "es2022",
        "lib": [],
        "types": [],
        "strict": true,
        "strictNullChecks": false,
        "experimentalDecorators": true,
        "noImplicitAny": true,
        "moduleDetection": "force"
    },
    "include": ["src/**/*.ts", "node_modules/@devicescript/core/src/*.ts"]
}
`

/** For `handover dev`: errors are `file(line,column): error TS1234: text`, refusals `  HOV101 file:line function: text`. */
const devMatchers = `[
                {
                    "owner": "handover",
                    "fileLocation": ["relative", "\${workspaceFolder}"],
                    "pattern": { "regexp": "^(\\\\S+)\\\\((\\\\d+),(\\\\d+)\\\\): error (.*)$", "file": 1, "line": 2, "column": 3, "message": 4 },
                    "background": { "activeOnStart": true, "beginsPattern": "^saved ", "endsPattern": "^(ready|runs|refused|not compiled|unchanged|failed)\\\\b" }
                },
                {
                    "owner": "handover-refusals",
                    "fileLocation": ["relative", "\${workspaceFolder}"],
                    "severity": "warning",
                    "pattern": { "regexp": "^\\\\s+(HOV\\\\d+) (\\\\S+):(\\\\d+) (.*)$", "code": 1, "file": 2, "line": 3, "message": 4 }
                }
            ]`

export const vsCodeTasks = `{
    "version": "2.0.0",
    "tasks": [
        { "label": "handover: build the base", "type": "shell", "command": "npx handover build", "group": { "kind": "build", "isDefault": true }, "problemMatcher": ["$tsc"] },
        { "label": "handover: what would go hot", "type": "shell", "command": "npx handover diff", "problemMatcher": ["$tsc"] },
        { "label": "handover: deploy the base", "type": "shell", "command": "npx devs deploy built/base.devs", "dependsOn": "handover: build the base", "problemMatcher": [] },
        {
            "label": "handover: debug the base", "type": "shell", "command": "npx handover debug", "isBackground": true, "dependsOn": "handover: build the base",
            "problemMatcher": { "owner": "handover-debug", "pattern": { "regexp": "^$never" }, "background": { "activeOnStart": true, "beginsPattern": "^deploys", "endsPattern": "^ready" } }
        },
        {
            "label": "handover: every save goes to a simulated board", "type": "shell", "command": "npx handover dev", "isBackground": true,
            "problemMatcher": ${devMatchers}
        },
        {
            "label": "handover: every save goes to the connected board", "type": "shell", "command": "npx handover dev --jacdac", "isBackground": true,
            "problemMatcher": ${devMatchers}
        }
    ]
}
`

/**
 * F5: the stock extension builds the program, runs it in its simulator and attaches its debugger. The second configuration links
 * and deploys the base when the extension is done with that, and attaches to an adapter that knows where its code is.
 */
export const vsCodeLaunch = (entry: string): string => `{
    "version": "0.2.0",
    "configurations": [
        {
            "name": "DeviceScript",
            "type": "devicescript",
            "request": "launch",
            "program": "\${workspaceFolder}/${entry}",
            "deviceId": "\${command:deviceScriptSimulator}",
            "stopOnEntry": false
        },
        {
            "name": "handover: debug the linked base",
            "type": "devicescript",
            "request": "launch",
            "program": "\${workspaceFolder}/${entry}",
            "deviceId": "\${command:deviceScriptSimulator}",
            "stopOnEntry": false,
            "preLaunchTask": "handover: debug the base",
            "debugServer": 8084
        }
    ]
}
`

export const vsCodeExtensions = `{
    "recommendations": ["devicescript.devicescript-vscode"]
}
`
