/** SQLite's codes, PostgreSQL's, and the system's, of a disk that takes no more. */
const FULL = /^(SQLITE_FULL|SQLITE_IOERR\w*|53100|ENOSPC|EDQUOT)$/

/** Whether something could not be written for want of room: it can be when there is room again. */
export function isDiskFull(error: unknown): boolean {
    if (!(error instanceof Error)) return false
    const { code } = error as { code?: unknown }
    return typeof code === "string" && FULL.test(code)
}
