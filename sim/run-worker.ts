import { parentPort, workerData } from "node:worker_threads"
import { runToEnd, type RunRequest } from "./program-runner.ts"
import type { RunReply } from "./run-program.ts"
import type { VmCode } from "./vm-code.ts"

/** Worker entry of `runProgram`: one run after the other. */
let queue = Promise.resolve()

parentPort?.on("message", ({ id, request }: { id: number; request: RunRequest }) => {
    queue = queue.then(async () => {
        let reply: RunReply
        try {
            reply = { id, result: await runToEnd(workerData as VmCode, request) }
        } catch (e) {
            reply = { id, error: e instanceof Error ? e.message : String(e) }
        }
        parentPort?.postMessage(reply)
    })
})
