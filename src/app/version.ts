/** What this firmware calls itself; printed at start and once a second. */
export const VERSION = "1.0.0"
