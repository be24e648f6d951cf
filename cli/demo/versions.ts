import { readFileSync } from "node:fs"
import { basename, join } from "node:path"

/** Files of the sample app that take the place of the base's, by path from the project. */
export type Overlay = Readonly<Record<string, string>>

export const projectDir = join(import.meta.dirname, "../..")
const appFiles = ["alarm.ts", "controller.ts", "heater.ts", "index.ts", "version.ts"]

export interface DemoVersion {
    readonly version: string
    readonly sequence: number
    readonly overlay: Overlay
}

function example(version: string, file: string): string {
    return readFileSync(join(projectDir, "examples/demo", version, "src/app", file), "utf8")
}

function versionFile(version: string): Overlay {
    return { "src/app/version.ts": `/** What this firmware calls itself; printed at start and with every mark. */\nexport const VERSION = "${version}"\n` }
}

/** An edit that cannot be used as one of the sample app. */
export class EditError extends Error {
    readonly code = "HOV_DEMO_EDIT"
}

/**
 * The releases of the demo: 1.1.0 is one changed function and a new field on a live object, or a user's edited copy of one
 * file of the app; 1.2.0 is the same with a bug that throws in the control loop.
 */
export function demoVersions(editFile: string | undefined): [DemoVersion, DemoVersion] {
    const edited = editFile === undefined ? "controller.ts" : basename(editFile)
    if (!appFiles.includes(edited))
        throw new EditError(`${edited} is no file of the sample app: edit a copy of one of ${appFiles.map(f => `src/app/${f}`).join(", ")}`)
    const text = editFile === undefined ? example("1.1.0", edited) : readFileSync(editFile, "utf8")
    const overlay = { ...versionFile("1.1.0"), [`src/app/${edited}`]: text }
    const faulty = edited === "heater.ts" ? "controller.ts" : "heater.ts"
    return [
        { version: "1.1.0", sequence: 1, overlay },
        {
            version: "1.2.0",
            sequence: 2,
            overlay: { ...overlay, ...versionFile("1.2.0"), [`src/app/${faulty}`]: example("1.2.0", faulty) },
        },
    ]
}
