/** PostgreSQL's classes and codes, and the system's, of a server that is away, starts, or has no connection left. */
const AWAY = /^(08...|57P0[1-5]|25P03|53300|55000|ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/
/** What `pg` itself says has no code. */
const BROKEN = /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout)/

/** Whether a statement failed for want of the database: the same may go well in a moment. */
export function isDatabaseAway(error: unknown): boolean {
    if (!(error instanceof Error)) return false
    const { code } = error as { code?: unknown }
    return (typeof code === "string" && AWAY.test(code)) || BROKEN.test(error.message)
}
