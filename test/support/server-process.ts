import type { ChildProcess } from "node:child_process"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { CloudOptions } from "../../cloud/index.ts"

const CHILD = fileURLToPath(new URL("./cloud-process.ts", import.meta.url))

export interface ServerProcess {
    readonly url: string
    readonly adminToken: string
    readonly pid: number
    /** SIGKILL; resolves when it is gone. */
    kill(): Promise<void>
}

export interface ProcessOptions {
    readonly timings?: Record<string, number>
    /** 0 takes a free one. */
    readonly port?: number
    readonly ddi?: CloudOptions["ddi"]
    /** What runs it; node with tsx and the sources when left out. */
    readonly command?: readonly string[]
}

/** A server on its way up: it can be killed before it listens. */
export interface StartingProcess {
    /** Rejects when it ends before it listens. */
    readonly listening: Promise<ServerProcess>
    kill(): Promise<void>
}

export function beginProcess(dataDir: string, { timings = {}, port = 0, ddi, command = ["--import", "tsx", CHILD] }: ProcessOptions = {}): StartingProcess {
    const child: ChildProcess = spawn(process.execPath, [...command, dataDir, JSON.stringify(timings), String(port), ...(ddi === undefined ? [] : [JSON.stringify(ddi)])], {
        stdio: ["ignore", "pipe", "inherit"],
    })
    const exited = new Promise<void>(resolve => child.once("exit", () => resolve()))
    const kill = async (): Promise<void> => {
        child.kill("SIGKILL")
        await exited
    }
    const line = new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout! }).once("line", resolve)
        child.once("exit", (code, signal) => reject(new Error(`the server ended with ${code ?? signal}`)))
    })
    const listening = line.then(text => ({ ...(JSON.parse(text) as { url: string; adminToken: string }), pid: child.pid!, kill }))
    listening.catch(() => {})
    return { listening, kill }
}

/** The server in a process of its own, so that it can be killed for real. */
export const startProcess = (dataDir: string, timings: Record<string, number> = {}): Promise<ServerProcess> => beginProcess(dataDir, { timings }).listening
