/** A child process of `lms-keygen.ts`: takes one job, computes its leaves, reports and ends. */
import { LEAVES_PER_REPORT } from "./lms-keygen.ts"
import type { LeafJob, LeafReport } from "./lms-keygen.ts"
import { leafNodes } from "./lms-tree.ts"

process.once("disconnect", () => process.exit(1))
process.once("message", (job: LeafJob) => {
    const report = (message: LeafReport, onSent?: () => void) => process.send?.(message, undefined, {}, onSent)
    let sinceReport = 0
    const nodes = leafNodes(job.parameters, job.identifier, job.seed, job.from, job.to, () => {
        if (++sinceReport < LEAVES_PER_REPORT) return
        report({ done: sinceReport })
        sinceReport = 0
    })
    report({ done: sinceReport, nodes }, () => process.exit(0))
})
