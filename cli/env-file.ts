import { existsSync, readFileSync } from "node:fs"

/** Settings as the stock command reads them from `.env.defaults` and `.env.local`: `name=value` lines, `#` comments. */
export function readEnvFiles(files: readonly string[]): Record<string, string> {
    const settings: Record<string, string> = {}
    for (const file of files)
        if (existsSync(file))
            for (const line of readFileSync(file, "utf8").split(/\r?\n/)) {
                const m = /^\s*([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*$/.exec(line)
                if (m) settings[m[1]] = m[2].replace(/^(["'])(.*)\1$/, "$2")
            }
    return settings
}
