/**
 * Makes LMS keys: in this process when small, in child processes when the hashes count in millions.
 * (Processes, because a worker thread does not inherit the loader that runs TypeScript sources.)
 */
import { fork } from "node:child_process"
import { randomBytes } from "node:crypto"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { HASH_SIZE_BYTES, IDENTIFIER_SIZE_BYTES } from "./lms-parameters.ts"
import type { LmsParameters } from "./lms-parameters.ts"
import type { LmsPrivateKey } from "./lms-sign.ts"
import { buildTree, leafNodes } from "./lms-tree.ts"

/** Below this many hashes (about half a second) starting processes costs more than it saves. */
const PARALLEL_MIN_HASHES = 1_500_000

export interface KeygenOptions {
    onProgress?(doneLeaves: number, ofLeaves: number): void
    /** Default: one per processor. 1 = in this process, which blocks it. */
    processes?: number
    /** 16 and 32 bytes; random unless a test brings its own. */
    identifier?: Uint8Array
    seed?: Uint8Array
}

export interface LeafJob {
    readonly parameters: LmsParameters
    readonly identifier: Uint8Array
    readonly seed: Uint8Array
    readonly from: number
    readonly to: number
}

/** What a child sends: leaves done since the last message, and at the end their nodes. */
export interface LeafReport {
    readonly done: number
    readonly nodes?: Uint8Array
}

/** How many leaves a child finishes before it reports. */
export const LEAVES_PER_REPORT = 16

export async function generateLmsKey(parameters: LmsParameters, options: KeygenOptions = {}): Promise<LmsPrivateKey> {
    const identifier = options.identifier ?? randomBytes(IDENTIFIER_SIZE_BYTES)
    const seed = options.seed ?? randomBytes(HASH_SIZE_BYTES)
    const { leafCount } = parameters
    let doneLeaves = 0
    const progress = (leaves: number) => {
        doneLeaves += leaves
        options.onProgress?.(doneLeaves, leafCount)
    }
    const hashes = leafCount * parameters.chainCount * (parameters.chainLength + 1)
    const processes = hashes < PARALLEL_MIN_HASHES ? 1 : (options.processes ?? availableParallelism())
    const leaves = new Uint8Array(leafCount * HASH_SIZE_BYTES)
    if (processes <= 1) leaves.set(leafNodes(parameters, identifier, seed, 0, leafCount, () => progress(1)))
    else {
        const share = Math.ceil(leafCount / processes)
        const starts = Array.from({ length: processes }, (_, part) => part * share).filter(from => from < leafCount)
        const jobs = starts.map(from => ({ parameters, identifier, seed, from, to: Math.min(from + share, leafCount) }))
        const parts = await Promise.all(jobs.map(job => runChild(job, progress)))
        parts.forEach((nodes, part) => leaves.set(nodes, jobs[part].from * HASH_SIZE_BYTES))
    }
    return { parameters, identifier, seed, tree: buildTree(parameters, identifier, leaves) }
}

function runChild(job: LeafJob, onDone: (leaves: number) => void): Promise<Uint8Array> {
    // The same file under tsx and after compilation.
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"
    const child = fork(fileURLToPath(new URL(`./lms-keygen-child.${extension}`, import.meta.url)), {
        serialization: "advanced",
    })
    return new Promise((resolve, reject) => {
        child.on("message", (report: LeafReport) => {
            onDone(report.done)
            if (report.nodes) resolve(report.nodes)
        })
        child.on("error", reject)
        child.on("exit", code => reject(new Error(`a process of the key generation ended early with code ${code}`)))
        child.send(job)
    })
}
