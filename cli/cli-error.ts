import { EXIT } from "./exit-codes.ts"

export type CliErrorCode =
    | "HOV_CLI_COLD"
    | "HOV_CLI_USAGE"
    | "HOV_CLI_CONFIG"
    | "HOV_CLI_DEVICESCRIPT"
    | "HOV_CLI_FILE"
    | "HOV_CLI_FILE_KIND"
    | "HOV_CLI_NO_SERVER"
    | "HOV_CLI_NO_TOKEN"
    | "HOV_CLI_NOT_ACTIVE"
    | "HOV_CLI_NO_KEY"
    | "HOV_CLI_KEY_NOT_TRUSTED"
    | "HOV_CLI_RELEASE_EXISTS"
    | "HOV_CLI_RELEASE_MISSING"
    | "HOV_CLI_SEQUENCE"
    | "HOV_CLI_UNREACHABLE"
    | "HOV_CLI_ANSWER"
    | "HOV_CLI_NOT_REPORTED"
    | "HOV_CLI_TIMEOUT"

/** What the command itself finds wrong; the message says what to do. */
export class CliError extends Error {
    readonly code: CliErrorCode
    readonly exitCode: number
    constructor(code: CliErrorCode, message: string, exitCode: number = EXIT.usage) {
        super(message)
        this.name = "CliError"
        this.code = code
        this.exitCode = exitCode
    }
}

/** The server refused a request: its problem document (RFC 9457). */
export class ServerRefusal extends Error {
    readonly code: string
    readonly status: number
    readonly help: string
    constructor(status: number, problem: { code?: string; title?: string; detail?: string; help?: string }) {
        super(problem.detail || problem.title || `the server answered with status ${status}`)
        this.name = "ServerRefusal"
        this.code = problem.code ?? "HOV_CLI_SERVER"
        this.status = status
        this.help = problem.help ?? ""
    }
}
