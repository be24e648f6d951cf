import { RefusedError } from "../toolchain/translate/refusal.ts"
import { CliError, ServerRefusal } from "./cli-error.ts"
import { EXIT } from "./exit-codes.ts"

export interface ErrorDescription {
    readonly exitCode: number
    readonly code: string
    readonly message: string
    /** what to do, where it is not in the message */
    readonly help?: string
    /** more for `--json` */
    readonly detail?: Readonly<Record<string, unknown>>
}

/** What a person is told about any error: a stable code and a message, never a stack trace. */
export function describeError(error: unknown): ErrorDescription {
    if (error instanceof RefusedError)
        return {
            exitCode: EXIT.refused,
            code: "HOV_REFUSED",
            message: error.message,
            help: "change what is named, or release a new base with \"handover build\"",
            detail: { refusals: error.refusals },
        }
    if (error instanceof ServerRefusal)
        return { exitCode: EXIT.server, code: error.code, message: error.message, help: error.help, detail: { status: error.status } }
    if (error instanceof CliError) return { exitCode: error.exitCode, code: error.code, message: error.message }
    const { code, message, path, syscall } = error as NodeJS.ErrnoException
    if (typeof code === "string" && code.startsWith("HOV_")) return { exitCode: exitOf(code), code, message }
    if (typeof code === "string" && syscall !== undefined)
        return { exitCode: EXIT.usage, code: "HOV_CLI_FILE", message: fileMessage(code, path, message) }
    return {
        exitCode: EXIT.failed,
        code: "HOV_CLI_INTERNAL",
        message: message ?? String(error),
        help: "this is a defect of handover: run it again with --verbose and report what it prints",
    }
}

function exitOf(code: string): number {
    return /^HOV_(CLOUD_OPTION|KEY|TRUSTED_KEYS|LMS_PARAMETERS|BUNDLE|MAP|MANIFEST|ARTIFACT|DEVS|IMAGE_FORMAT)/.test(code) ? EXIT.usage : EXIT.failed
}

function fileMessage(code: string, path: string | undefined, message: string): string {
    if (path === undefined) return message
    const why: Record<string, string> = {
        ENOENT: "does not exist",
        EACCES: "may not be read or written by this user",
        EISDIR: "is a folder",
        ENOTDIR: "is not a folder",
        EEXIST: "exists already",
        ENOSPC: "cannot be written: the disk is full",
    }
    return why[code] ? `${path} ${why[code]}` : message
}
