/** What states mean, in words for people and in one of five tones. */
export type Tone = "good" | "bad" | "busy" | "wait" | "quiet"

interface Meaning {
    readonly label: string
    readonly tone: Tone
    readonly meaning: string
}

const say = (label: string, tone: Tone, meaning: string): Meaning => ({ label, tone, meaning })

const STATES: Readonly<Record<string, Meaning>> = {
    // sync.state of a device
    converged: say("up to date", "good", "It runs what is desired of it."),
    unmanaged: say("unmanaged", "quiet", "Nothing is desired of it."),
    unknown: say("never reported", "quiet", "It has not reported yet."),
    pending: say("pending", "wait", "A command waits for its next poll."),
    updating: say("updating", "busy", "It has the command and works on it."),
    retrying: say("retrying", "wait", "An attempt was given up; it is tried again."),
    gaveUp: say("gave up", "bad", "Three attempts ended without an answer."),
    cancelling: say("cancelling", "wait", "The command is being taken back."),
    noArtifact: say("no image", "bad", "The release has nothing for its base."),
    noPermission: say("no permission", "bad", "It has run a later sequence; the signer has to allow the way back."),
    blocked: say("blocked", "bad", "It failed with this release and is not offered it again by itself."),
    // of a board
    idle: say("idle", "quiet", ""),
    checking: say("checking", "busy", ""),
    downloading: say("downloading", "busy", ""),
    ready: say("ready", "busy", ""),
    trial: say("on trial", "busy", "The new code runs, with the way back open."),
    confirmed: say("confirmed", "good", ""),
    rolledBack: say("rolled back", "bad", ""),
    failed: say("failed", "bad", ""),
    // of a command
    queued: say("queued", "wait", ""),
    delivered: say("delivered", "busy", ""),
    running: say("running", "busy", ""),
    succeeded: say("succeeded", "good", ""),
    expired: say("expired", "bad", ""),
    cancelled: say("cancelled", "quiet", ""),
    superseded: say("superseded", "quiet", ""),
    // of a rollout and its devices
    paused: say("paused", "wait", "Nothing more is granted until somebody resumes it."),
    aborted: say("aborted", "bad", "Nothing more is granted, for good."),
    completed: say("completed", "good", ""),
    rollingBack: say("rolling back", "busy", "Devices go back to what was desired before."),
    waiting: say("waiting", "quiet", "Its turn has not come."),
    granted: say("granted", "busy", "It has been told."),
    skipped: say("skipped", "quiet", ""),
    reverting: say("going back", "busy", ""),
    reverted: say("went back", "good", ""),
    stuck: say("stuck", "bad", "It cannot go back by itself."),
    // of a server handover
    preparing: say("preparing", "busy", ""),
    copying: say("copying", "busy", ""),
    moving: say("moving devices", "busy", ""),
    finishing: say("finishing", "busy", ""),
    done: say("done", "good", ""),
    aborting: say("aborting", "wait", ""),
}

export const meaningOf = (state: string): Meaning => STATES[state] ?? say(state, "quiet", "")

const SKIPS: Readonly<Record<string, string>> = {
    unknown: "have never reported",
    noArtifact: "have a base that the release has no image for",
    noPermission: "have run a later sequence",
    busy: "are busy with another command",
    already: "have this version already",
    blocked: "failed with this release before",
}

export const skipText = (reason: string): string => SKIPS[reason] ?? reason

const WAITS: Readonly<Record<string, string>> = {
    start: "for its start time",
    window: "for its maintenance window",
    rate: "for its pace",
    devices: "for devices to finish",
    soak: "while the phase soaks",
    operator: "for you to go on",
}

export const waitText = (reason: string): string | undefined => WAITS[reason]
