/** What a script may rely on; printed by `handover --help` and described in docs/cli.md. */
export const EXIT = {
    /** done; `diff`: the change goes live; `updater check`: up to date */
    ok: 0,
    failed: 1,
    usage: 2,
    /** something in the edit cannot go live on the base */
    refused: 3,
    /** the server said no */
    server: 4,
    /** the server could not be reached */
    unreachable: 5,
    /** `updater check`: there is an update */
    available: 10,
    /** `updater status`: an update is under way */
    busy: 11,
    /** `updater status`, `--wait`: the last update failed or was rolled back */
    updateFailed: 12,
} as const

export const exitCodeHelp = `
Exit codes:
   0  done; diff: the change goes live; updater check: up to date
   1  failed
   2  wrong usage or configuration
   3  refused: something in the edit cannot go live on the base
   4  the server refused the request
   5  the server could not be reached
  10  updater check: an update is available
  11  updater status: an update is under way
  12  updater status, --wait: the last update failed or was rolled back

Environment: HANDOVER_URL, HANDOVER_TOKEN or HANDOVER_TOKEN_FILE,
HANDOVER_KEY_PASSPHRASE or HANDOVER_KEY_PASSPHRASE_FILE.
Configuration: handover.json in the project's folder; see docs/cli.md.`
