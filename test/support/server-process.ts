import type { ChildProcess } from "node:child_process"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const CHILD = fileURLToPath(new URL("./cloud-process.ts", import.meta.url))

export interface ServerProcess {
    readonly url: string
    readonly adminToken: string
    readonly pid: number
    /** SIGKILL; resolves when it is gone. */
    kill(): Promise<void>
}

/** The server in a process of its own, so that it can be killed for real. */
export async function startProcess(dataDir: string, timings: Record<string, number> = {}): Promise<ServerProcess> {
    const child: ChildProcess = spawn(process.execPath, ["--import", "tsx", CHILD, dataDir, JSON.stringify(timings)], {
        stdio: ["ignore", "pipe", "inherit"],
    })
    const exited = new Promise<void>(resolve => child.once("exit", () => resolve()))
    const line = await new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout! }).once("line", resolve)
        child.once("exit", code => reject(new Error(`the server ended with ${code}`)))
    })
    const { url, adminToken } = JSON.parse(line)
    return {
        url,
        adminToken,
        pid: child.pid!,
        kill: async () => {
            child.kill("SIGKILL")
            await exited
        },
    }
}
