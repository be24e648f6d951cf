import { Config } from "./config"
import { Job } from "./updater-state"

/*
 * What the actor asks of the part that takes whole bases (`src/cold.ts`). A program that does not import that
 * does not carry it.
 */
export interface Cold {
    /** At the start: the update whose new base runs on trial now, or undefined. The network is free afterwards. */
    resume(): Promise<Job | undefined>
    /** Sends the reports, and gives the socket to the native adapter. Returns, with a code, only when no base came. */
    handOver(job: Job, config: Config): Promise<string>
    /** The new base is well. */
    keep(): Promise<void>
    /** It is not: the server gives the one before. Returns only when it did not. */
    giveBack(): Promise<void>
}

export const coldHook: {
    cold: Cold
    /** Saves what `persist` keeps. False when the store does not hold it. */
    save: () => Promise<boolean>
} = { cold: undefined, save: undefined }
