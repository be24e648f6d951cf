import { readFileSync } from "node:fs"
import type { Command } from "commander"
import { ApiClient } from "./api-client.ts"
import { CliError } from "./cli-error.ts"
import { type Config, readConfig } from "./config.ts"
import { Output } from "./output.ts"

/** Options that every verb has. */
export interface GlobalOptions {
    readonly json?: boolean
    readonly verbose?: boolean
    readonly project: string
    readonly server?: string
}

/** One run of one verb. */
export class Session {
    readonly out: Output
    readonly config: Config
    readonly env: NodeJS.ProcessEnv
    private readonly options: GlobalOptions

    constructor(options: GlobalOptions, env: NodeJS.ProcessEnv) {
        this.options = options
        this.env = env
        this.out = new Output({ json: options.json === true, verbose: options.verbose === true })
        this.config = readConfig(options.project)
    }

    /** @throws CliError `HOV_CLI_NO_SERVER`, `HOV_CLI_NO_TOKEN` */
    api(): ApiClient {
        const url = this.serverUrl()
        if (url === undefined)
            throw new CliError("HOV_CLI_NO_SERVER", `no server: set HANDOVER_URL, "server" in handover.json, or --server URL`)
        return new ApiClient(url, readToken(this.env), text => this.out.warn(text))
    }

    serverUrl(): string | undefined {
        return this.options.server ?? (this.env.HANDOVER_URL || undefined) ?? this.config.server
    }
}

/** Never from an argument, which other users of the machine can read. */
function readToken(env: NodeJS.ProcessEnv): string {
    if (env.HANDOVER_TOKEN) return env.HANDOVER_TOKEN.trim()
    if (env.HANDOVER_TOKEN_FILE) {
        const line = readFileSync(env.HANDOVER_TOKEN_FILE, "utf8").split(/\r?\n/, 1)[0].trim()
        if (line) return line
    }
    throw new CliError("HOV_CLI_NO_TOKEN", "no token for the server: set HANDOVER_TOKEN, or HANDOVER_TOKEN_FILE to a file that holds it")
}

/** Exit code, or nothing for 0. */
// biome-ignore lint/suspicious/noConfusingVoidType: most handlers are `Promise<void>`, which fits no `Promise<number | undefined>`
export type Handler<O> = (session: Session, options: O, ...args: never[]) => Promise<number | void>

/** Makes a commander action of a verb's work. */
export function action<O>(handler: Handler<O>): (...raw: unknown[]) => Promise<void> {
    return async (...raw) => {
        const command = raw.at(-1) as Command
        const options = command.optsWithGlobals<O & GlobalOptions>()
        const session = new Session(options, process.env)
        process.exitCode = (await handler(session, options, ...(raw.slice(0, -2) as never[]))) ?? 0
    }
}
