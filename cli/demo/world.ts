import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Cloud, startCloud } from "../../cloud/index.ts"
import { type Board, createBoard } from "../../sim/index.ts"
import { buildProject } from "../../toolchain/build-project.ts"
import { buildUpdate, type Update } from "../../toolchain/diff/build-update.ts"
import { type LinkedBase, linkBase } from "../../toolchain/link/link-base.ts"
import type { CompiledProgram } from "../../toolchain/program/compiled-program.ts"
import { createKeyFile, keyFileSigner, lmsParameters, readKeyInfo, type Signer, signArtifact } from "../../toolchain/sign/index.ts"
import { type DemoVersion, projectDir } from "./versions.ts"

export const deviceId = "12abdd2289421234"
export const baseVersion = "1.0.0"

/** A version that has been built against the base and signed. */
export interface Release {
    readonly version: string
    readonly program: CompiledProgram
    readonly update: Update
    readonly artifact: Uint8Array
}

/** Everything real that the demo needs, on loopback and in a temporary folder: signing key, base, cloud, board. */
export class World {
    readonly folder = mkdtempSync(join(tmpdir(), "handover-demo-"))
    base!: LinkedBase
    cloud!: Cloud
    board!: Board
    private signer!: Signer
    /** sees the board's serial log */
    onLine: ((line: string) => void) | undefined

    private get keyFile(): string {
        return join(this.folder, "signing.key")
    }

    async makeKey(): Promise<void> {
        // a small tree: 32 signatures are enough for a demo, and it is made at once
        await createKeyFile(this.keyFile, "demo", { parameters: lmsParameters(5, 8) })
        this.signer = keyFileSigner(this.keyFile, "demo")
    }

    private build(overlay: DemoVersion["overlay"]): Promise<CompiledProgram> {
        return buildProject({ projectDir, overlay, trustedKeys: [readKeyInfo(this.keyFile).publicKey] })
    }

    async makeBase(): Promise<void> {
        this.base = linkBase(await this.build({}), baseVersion)
    }

    /** Builds the image of a version and signs it. Throws RefusedError for an edit that cannot go live. */
    async makeRelease(v: DemoVersion): Promise<Release> {
        const program = await this.build(v.overlay)
        const update = buildUpdate(this.base, program, { sequence: v.sequence })
        const artifact = await signArtifact(
            this.signer,
            {
                baseId: Buffer.from(this.base.baseId).toString("hex"),
                sequence: v.sequence,
                productId: 0,
                notAfterUnixS: 0,
                version: v.version,
                downgradeAllowed: false,
                cold: false,
            },
            update.file,
        )
        return { version: v.version, program, update, artifact }
    }

    async startCloud(): Promise<void> {
        this.cloud = await startCloud({ dataDir: join(this.folder, "cloud"), logLevel: "silent" })
    }

    /** Makes the device known to the cloud and gives the board its address and token. */
    async makeBoard(): Promise<void> {
        const { token } = await this.api<{ token: string }>("POST", "/devices", { id: deviceId })
        this.board = await createBoard({
            deviceId,
            program: this.base.file,
            flashTiming: true,
            settings: { hUrl: this.cloud.url, hToken: token, hPoll: 20, hTrialMs: 2000, hJitter: 0, hLog: 1 },
        })
        if (this.onLine) this.board.onLine(this.onLine)
    }

    /** A call of the operator API; rejects with the problem's title when it is refused. */
    async api<T>(method: string, path: string, body?: unknown): Promise<T> {
        const isBytes = body instanceof Uint8Array
        const answer = await fetch(`${this.cloud.url}/api/v1${path}`, {
            method,
            headers: {
                authorization: `Bearer ${this.cloud.adminToken}`,
                ...(body === undefined ? {} : { "content-type": isBytes ? "application/octet-stream" : "application/json" }),
            },
            body: body === undefined ? undefined : isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body),
        })
        const text = await answer.text()
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
        return (text ? JSON.parse(text) : undefined) as T
    }

    async publish(release: Release): Promise<void> {
        await this.api("POST", "/releases", { app: "app", version: release.version })
        await this.api("POST", `/releases/${release.version}/artifacts`, release.artifact)
    }

    /** What the cloud knows of the last command it gave the board. */
    async lastCommand(): Promise<{ state: string; diagnostics: unknown }> {
        const device = await this.api<{ commands: { state: string; diagnostics: unknown }[] }>("GET", `/devices/${deviceId}`)
        return device.commands[0]
    }

    /** Waits until the board has told the cloud that it is in this state. */
    async waitForState(state: string, timeoutMs: number): Promise<void> {
        const endMs = performance.now() + timeoutMs
        for (;;) {
            const device = await this.api<{ actual: { state: string } | null; history: { state: string }[] }>("GET", `/devices/${deviceId}`)
            if (device.history[0]?.state === state) return
            if (performance.now() > endMs)
                throw new Error(`the board did not reach "${state}" within ${timeoutMs} ms; it is in "${device.history[0]?.state}"`)
            await new Promise(r => setTimeout(r, 50))
        }
    }

    async close(): Promise<void> {
        await this.board?.close()
        await this.cloud?.close()
        rmSync(this.folder, { recursive: true, force: true })
    }
}
