/**
 * The rules of the updater, without a board: `(state, event) -> state`.
 * The state says what to do next (`next`) and what to tell the server (`report`).
 *
 * ```
 *            Update          Verified       Checked        Swapped       Healthy, Kept
 *  Idle ──▶ Checking ──▶ Downloading ──▶ Ready ──▶ Trial ──▶ Confirmed
 *               │  Refused        │           │          │ Fault
 *               └──────▶ Failed ◀─┴───────────┘          └──▶ RolledBack
 * ```
 *
 * Invariants:
 *
 * 1. No byte of an image is fetched before its manifest's signature is verified.
 * 2. Nothing is swapped before the digest of the whole image is checked.
 * 3. Up to Ready, Cancel ends an update; from Trial on, Fault does.
 * 4. A failing network changes neither the phase nor `doneBytes`: a download goes on
 *    with the piece that is missing.
 * 5. One update at a time: a newer command replaces one up to Ready, and waits after.
 *
 * No imports: the same file runs on the board and under Node.
 */

export enum Phase {
    Idle,
    Checking,
    Downloading,
    Ready,
    Trial,
    Confirmed,
    RolledBack,
    Failed,
}

/** As the device API spells them. */
export const phaseNames = [
    "idle",
    "checking",
    "downloading",
    "ready",
    "trial",
    "confirmed",
    "rolledBack",
    "failed",
]

/** What the actor does next. */
export enum Do {
    Poll,
    /** Fetch the signature and check it. */
    VerifyManifest,
    FetchImage,
    CheckImage,
    Swap,
    /** Wait for the end of the trial. */
    Watch,
    /** Make what runs permanent. */
    Keep,
    GoBack,
    /** Back to the base's own code. */
    Revert,
    /** Carry out `order`. */
    Order,
}

export interface Job {
    id: string
    version: string
    /** 160 hex digits. */
    manifest: string
    signatureDigest: string
    signatureSizeBytes: number
    imageDigest: string
    imageSizeBytes: number
    /** 64 hex digits: a whole base, which the native cloud adapter brings; see `src/cold.ts`. */
    coldKey?: string
    /** Where the bytes come from, when not from the server. */
    source?: (ofImage: boolean, offset: number, size: number) => Promise<any>
}

export type Order = () => Promise<UpdaterEvent>

export interface UpdaterState {
    phase: Phase
    next: Do
    job: Job | undefined
    doneBytes: number
    /** Why the last update ended as it did; "" = well. */
    code: string
    /** Network failures in a row. */
    failures: number
    /** The server does not know this state yet. */
    report: boolean
    /** What the bus wants done; says how it ended. */
    order: Order | undefined
}

export enum Ev {
    Update,
    /** The base's own code is wanted: `job` has the command's id. */
    Revert,
    /** `order` is wanted: only while nothing else is under way. */
    Order,
    /** It is done, or not: `code`. */
    Settled,
    Verified,
    /** `bytes` of the image have come. */
    ImageBytes,
    Checked,
    Swapped,
    Healthy,
    Kept,
    /** The update is not acceptable: `code`. */
    Refused,
    Cancel,
    Fault,
    /** What ran is given up: `code`, unless the Fault before said it. */
    WentBack,
    NetworkUp,
    NetworkDown,
}

export interface UpdaterEvent {
    kind: Ev
    job?: Job
    bytes?: number
    code?: string
    order?: Order
}

export const IMAGE_MAX_BYTES = 4096
export const SIGNATURE_MAX_BYTES = 4096

export const initialState: UpdaterState = {
    phase: Phase.Idle,
    next: Do.Poll,
    job: undefined,
    doneBytes: 0,
    code: "",
    failures: 0,
    report: false,
    order: undefined,
}

export function updaterStep(before: UpdaterState, event: UpdaterEvent): UpdaterState {
    const s = { ...before }
    switch (event.kind) {
        case Ev.Update:
            return begin(s, event.job as Job)
        case Ev.Revert:
            // what is about to run, or on trial, ends first; the server asks again
            if (s.phase === Phase.Ready || s.phase === Phase.Trial) return s
            clear(s, event.job as Job)
            enter(s, Phase.Checking, Do.Revert)
            break
        case Ev.Order:
            if (s.next !== Do.Poll) return s
            s.order = event.order
            s.next = Do.Order
            break
        case Ev.Settled:
            s.next = Do.Poll
            s.code = event.code as string
            break
        case Ev.Verified:
            if ((s.job as Job).coldKey) enter(s, Phase.Ready, Do.Swap)
            else enter(s, Phase.Downloading, Do.FetchImage)
            break
        case Ev.ImageBytes:
            s.doneBytes += event.bytes as number
            if (s.doneBytes >= (s.job as Job).imageSizeBytes) s.next = Do.CheckImage
            break
        case Ev.Checked:
            enter(s, Phase.Ready, Do.Swap)
            break
        case Ev.Swapped:
            enter(s, Phase.Trial, Do.Watch)
            break
        case Ev.Healthy:
            s.next = Do.Keep
            break
        case Ev.Kept:
            // without a job it is a boot that has proved itself: no news
            if (s.job) enter(s, Phase.Confirmed, Do.Poll)
            else s.next = Do.Poll
            s.code = event.code || ""
            break
        case Ev.Refused:
            enter(s, Phase.Failed, Do.Poll)
            s.code = event.code as string
            break
        case Ev.Cancel:
            if (s.phase < Phase.Checking || s.phase > Phase.Ready) break
            enter(s, Phase.Idle, Do.Poll)
            s.code = "HOV_CANCELLED"
            break
        case Ev.Fault:
            // the first one ended the trial
            if (s.next === Do.GoBack) break
            s.next = Do.GoBack
            s.code = event.code as string
            break
        case Ev.WentBack:
            enter(s, Phase.RolledBack, Do.Poll)
            if (event.code) s.code = event.code
            break
        case Ev.NetworkUp:
            s.failures = 0
            break
        case Ev.NetworkDown:
            s.failures++
            break
    }
    return s
}

function enter(s: UpdaterState, phase: Phase, next: Do) {
    s.phase = phase
    s.next = next
    s.report = true
}

function clear(s: UpdaterState, job: Job) {
    s.job = job
    s.doneBytes = 0
    s.code = ""
}

function begin(s: UpdaterState, job: Job) {
    const underWay = s.phase >= Phase.Checking && s.phase <= Phase.Trial
    // the server repeats a command until it sees its effect
    if (underWay && s.job && s.job.id === job.id) return s
    if (s.phase === Phase.Trial) return s
    clear(s, job)
    enter(s, Phase.Checking, Do.VerifyManifest)
    if (!job.coldKey && !(job.imageSizeBytes > 0 && job.imageSizeBytes <= IMAGE_MAX_BYTES))
        return updaterStep(s, { kind: Ev.Refused, code: "HOV_IMAGE_SIZE" })
    if (!(job.signatureSizeBytes > 0 && job.signatureSizeBytes <= SIGNATURE_MAX_BYTES))
        return updaterStep(s, { kind: Ev.Refused, code: "HOV_SIGNATURE" })
    return s
}

/**
 * How long to wait after `failures` in a row: 1 s doubled up to 64 s, times 0.5 to 1.5
 * (`random` is 0 to 1), so that a fleet that lost its server does not come back at once.
 */
export function backOffMs(failures: number, random: number) {
    const capped = failures > 7 ? 7 : failures
    return (500 << (capped > 0 ? capped - 1 : 0)) * (1 + 2 * random) 
}
