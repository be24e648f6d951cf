/** Two bases that differ in what nothing hot can change, a real server, and boards that run the first of them. */
import { randomBytes } from "node:crypto"
import { type Board, type BoardOptions, createBoard } from "../../sim/index.ts"
import { encodeColdImage } from "../../toolchain/format/cold-image.ts"
import { buildUpdate } from "../../toolchain/diff/build-update.ts"
import { linkBase } from "../../toolchain/link/link-base.ts"
import { readProgram } from "../../toolchain/program/compiled-program.ts"
import { generateLmsKey } from "../../toolchain/sign/lms-keygen.ts"
import { lmsParameters } from "../../toolchain/sign/lms-parameters.ts"
import { lmsPublicKey, lmsSign } from "../../toolchain/sign/lms-sign.ts"
import { hssPublicKey, hssSignature } from "../../toolchain/sign/lms-verify.ts"
import { patchTrustedKeys } from "../../toolchain/sign/patch-trusted-keys.ts"
import { signArtifact } from "../../toolchain/sign/sign-artifact.ts"
import { openCloud, operator, until, upload, type TestCloud } from "./cloud.ts"
import type { CloudOptions } from "../../cloud/index.ts"
import { buildFirmware } from "./resident-program.ts"

export const DEVICE_ID = "12abdd2289421234"
export const TRIAL_MS = 300

/** `tick` is printed ten times a second: what a base is heard by. */
export const coldMain = (name: string, more = "") => `
import { migrate, persist, startResident } from "./resident"
import { takeColdReleases } from "./cold"
import * as ds from "@devicescript/core"
takeColdReleases()
console.log("app ${name}")
setInterval(async () => { console.log("tick ${name}") }, 100)
${more}
await startResident()
`

export interface LinkedBase {
    readonly name: string
    readonly version: string
    readonly baseId: string
    readonly file: Uint8Array
    readonly linked: ReturnType<typeof linkBase>
}

export type BenchCloud = Pick<TestCloud, "url" | "adminToken" | "must" | "done">

export class ColdBench {
    readonly boards: Board[] = []
    #leaf = 0

    private constructor(
        readonly cloud: BenchCloud,
        private readonly key: Awaited<ReturnType<typeof generateLmsKey>>,
    ) {}

    static async open(options: Partial<CloudOptions> = {}): Promise<ColdBench> {
        return ColdBench.at(await openCloud({ ...options, timings: { coldConfirmMs: 20_000, retryDelayMs: 500, ...options.timings } }))
    }

    /** Over a server of any kind, a process of its own for example. */
    static async at(cloud: BenchCloud): Promise<ColdBench> {
        return new ColdBench(cloud, await generateLmsKey(lmsParameters(10, 4), { processes: 1 }))
    }

    async base(name: string, version: string, main = coldMain(name)): Promise<LinkedBase> {
        const built = await buildFirmware({ "main.ts": main })
        const trusting = patchTrustedKeys(built.devs, [hssPublicKey(lmsPublicKey(this.key))])
        const linked = linkBase(readProgram(trusting, built.debugInfo), version)
        return { name, version, baseId: Buffer.from(linked.baseId).toString("hex"), file: linked.file, linked }
    }

    /** A release that takes boards from one base to another. */
    async release(from: LinkedBase, to: LinkedBase, sequence: number, app = "app"): Promise<string> {
        const { must } = operator(this.cloud.url, this.cloud.adminToken)
        await must(201, "POST", "/releases", { app, version: to.version })
        const answer = await upload(this.cloud, `${app}@${to.version}/artifacts`, await this.artifact(from, to, sequence))
        if (answer.status !== 201) throw new Error(`upload: ${answer.status} ${answer.bytes}`)
        return `${app}@${to.version}`
    }

    /** Adds to that release what takes boards of one more base there, without a new one. */
    async addHot(from: LinkedBase, to: LinkedBase, sequence: number, app = "app"): Promise<void> {
        const answer = await upload(this.cloud, `${app}@${to.version}/artifacts`, await this.hotArtifact(from, to, sequence))
        if (answer.status !== 201) throw new Error(`upload: ${answer.status} ${answer.bytes}`)
    }

    artifact(from: LinkedBase, to: LinkedBase, sequence: number): Promise<Uint8Array> {
        return this.#signed(from, to, sequence, true, encodeColdImage({ baseId: to.baseId, previousBaseId: from.baseId, program: to.file, previousProgram: from.file }, 0))
    }

    /** The same program for a board that can get there without a new base. */
    hotArtifact(from: LinkedBase, to: LinkedBase, sequence: number): Promise<Uint8Array> {
        return this.#signed(from, to, sequence, false, buildUpdate(from.linked, to.linked.program, { sequence }).file)
    }

    async #signed(from: LinkedBase, to: LinkedBase, sequence: number, cold: boolean, image: Uint8Array): Promise<Uint8Array> {
        const publicKey = hssPublicKey(lmsPublicKey(this.key))
        const signer = { publicKey: async () => publicKey, remaining: async () => undefined, sign: async (message: Uint8Array) => hssSignature(lmsSign(this.key, this.#leaf++, randomBytes(32), message)) }
        return signArtifact(signer, { baseId: from.baseId, sequence, productId: 0, notAfterUnixS: 0, version: to.version, downgradeAllowed: false, cold }, image)
    }

    /** A board that runs the base and has reported. */
    async started(base: LinkedBase, options: Partial<BoardOptions> = {}): Promise<{ board: Board; id: string }> {
        const id = options.deviceId ?? DEVICE_ID
        const { token } = await this.cloud.must(201, "POST", "/devices", { id, app: "app" })
        const { settings, ...rest } = options
        const board = await createBoard({
            deviceId: id,
            program: base.file,
            settings: { hUrl: this.cloud.url, hToken: token, hId: id, hTrialMs: TRIAL_MS, hPoll: 2, hJitter: 0, ...settings },
            ...rest,
        })
        this.boards.push(board)
        await board.powerOn()
        await until("the first report", () => this.shown(id), device => device.actual?.base === base.baseId, 15_000)
        return { board, id }
    }

    shown(id: string) {
        return this.cloud.must(200, "GET", `/devices/${id}`)
    }

    async close(): Promise<void> {
        await Promise.all(this.boards.map(board => board.close()))
        await this.cloud.done()
    }
}
