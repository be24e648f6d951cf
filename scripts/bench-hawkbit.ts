/**
 * Our server against a real hawkBit, and with one behind it, on this machine:
 *
 *   npm run bench:hawkbit -- [--json] [--only polls,updates] [--targets 1000] [--seconds 8] [--warm-up 20] [--rounds 3] [--inflight 32] [--updates 20]
 *
 * - polls/s and p99 of hawkBit's device interface, of our face of the same protocol, and of the boards'
 *   own API: as many targets, each with its own token, one load generator, in turns;
 * - feedbacks for each update, and reads of an image from hawkBit.
 */
import { parseArgs } from "node:util"
import { measurePolls } from "./hawkbit-bench/polls.ts"
import { measureUpdates } from "./hawkbit-bench/updates.ts"
import { NoHawkbit } from "./hawkbit-server/resolve.ts"
import { startHawkbit } from "./hawkbit-server/start.ts"

const { values } = parseArgs({
    options: {
        json: { type: "boolean", default: false },
        only: { type: "string", default: "polls,updates" },
        targets: { type: "string", default: "1000" },
        seconds: { type: "string", default: "8" },
        "warm-up": { type: "string", default: "20" },
        rounds: { type: "string", default: "3" },
        inflight: { type: "string", default: "32" },
        updates: { type: "string", default: "20" },
    },
})
const say = (text: string): void => (values.json ? console.error(text) : console.log(text))

try {
    const hawkbit = await startHawkbit({ say, forSpeed: true })
    try {
        const parts = values.only.split(",")
        const polls = !parts.includes("polls") ? undefined : await measurePolls(hawkbit, {
            targets: Number(values.targets),
            seconds: Number(values.seconds),
            warmUpSeconds: Number(values["warm-up"]),
            rounds: Number(values.rounds),
            inflight: Number(values.inflight),
            say,
        })
        say("updates with hawkBit behind the server")
        const updates = !parts.includes("updates") ? undefined : await measureUpdates(hawkbit, Number(values.updates))
        const checks = {
            ...(polls === undefined ? {} : { fiveTimesOverDdi: polls.ratioDdi >= 5, fiveTimesOverBoards: polls.ratioBoards >= 5 }),
            ...(updates === undefined
                ? {}
                : { feedbacks: updates.feedbacksPerUpdate <= 10 && updates.statusEntriesPerActionMax <= 10, artifactReads: updates.artifactReadsPerImage <= 1 }),
        }
        console.log(JSON.stringify({ hawkbitVersion: hawkbit.version, hawkbitOrigin: hawkbit.origin, ...polls, ...updates, checks }, null, values.json ? 0 : 4))
        if (Object.keys(checks).length === 0) throw new Error("there is nothing to measure: the parts are polls, updates")
        process.exitCode = Object.values(checks).every(Boolean) ? 0 : 1
    } finally {
        await hawkbit.stop()
    }
} catch (error) {
    if (!(error instanceof NoHawkbit)) throw error
    console.log(values.json ? JSON.stringify({ skipped: error.message }) : `skipped: ${error.message}`)
}
