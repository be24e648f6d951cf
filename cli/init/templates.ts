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

export const vsCodeTasks = `{
    "version": "2.0.0",
    "tasks": [
        { "label": "handover: build the base", "type": "shell", "command": "npx handover build", "group": { "kind": "build", "isDefault": true }, "problemMatcher": [] },
        { "label": "handover: what would go hot", "type": "shell", "command": "npx handover diff", "problemMatcher": [] },
        { "label": "handover: deploy the base", "type": "shell", "command": "npx devs deploy built/base.devs", "dependsOn": "handover: build the base", "problemMatcher": [] }
    ]
}
`
