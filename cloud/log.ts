import type { LevelWithSilent, Logger } from "pino"
import { destination, pino } from "pino"

/** JSON lines on standard error, so that standard output stays a program's own. No token is ever written. */
export function createLog(level: LevelWithSilent): Logger {
    return pino(
        {
            level,
            base: undefined,
            redact: {
                paths: ["token", "adminToken", "*.token", "*.claim", "*.key", "*.secret", "*.hash", "headers.authorization", "*.headers.authorization", "*.*.headers.authorization"],
                censor: "[secret]",
            },
        },
        destination({ fd: 2, sync: true }),
    )
}
