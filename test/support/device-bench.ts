import { createHash, randomBytes } from "node:crypto"
import type { Test } from "uvu"
import { projectDir } from "../../cli/demo/versions.ts"
import { type Board, type BoardOptions, createBoard } from "../../sim/index.ts"
import { buildProject } from "../../toolchain/build-project.ts"
import { buildUpdate, type Quiesce } from "../../toolchain/diff/build-update.ts"
import { encodeManifest, type Manifest } from "../../toolchain/format/manifest.ts"
import { linkBase } from "../../toolchain/link/link-base.ts"
import { generateLmsKey } from "../../toolchain/sign/lms-keygen.ts"
import { lmsParameters } from "../../toolchain/sign/lms-parameters.ts"
import { type LmsPrivateKey, lmsPublicKey, lmsSign } from "../../toolchain/sign/lms-sign.ts"
import { hssPublicKey, hssSignature } from "../../toolchain/sign/lms-verify.ts"
import { patchTrustedKeys } from "../../toolchain/sign/patch-trusted-keys.ts"
import { PLAIN_BASE_ID } from "./plain-image.ts"
import { buildPlainFirmware } from "./resident-program.ts"
import { TOKEN, UpdateServer } from "./update-server.ts"

const DEVICE_ID = "12abdd2289421234"
const TRIAL_MS = 1000

export interface UpdateOptions {
    sequence: number
    version?: string
    manifest?: Partial<Manifest>
    /** Changes what the server has, after it is signed. */
    spoilImage?(image: Buffer): Buffer
    spoilSignature?(signature: Buffer): Buffer
}

/** A firmware with the plain loader that trusts one key, a server, and boards that are set up for it. */
export class DeviceBench {
    readonly boards: Board[] = []
    private leaf = 0
    private commands = 0

    private constructor(
        readonly server: UpdateServer,
        readonly program: Uint8Array,
        private readonly key: LmsPrivateKey,
        private readonly baseId: string,
    ) {}

    /** With a firmware of the test's own, made to trust the bench's key. */
    static async openWith(make: (publicKey: Uint8Array) => Promise<{ program: Uint8Array; baseId: string }>): Promise<DeviceBench> {
        const key = await generateLmsKey(lmsParameters(5, 8), { processes: 1 })
        const { program, baseId } = await make(hssPublicKey(lmsPublicKey(key)))
        return new DeviceBench(await UpdateServer.start(), program, key, baseId)
    }

    /**
     * With the sample project, changed by files of the test's own, as a linked base. `imagesOf` makes the images that the test
     * needs, by the function that it is given.
     */
    static openLinked(overlay: Record<string, string>, imagesOf: (image: (overlay: Record<string, string>, sequence?: number, quiesce?: Quiesce) => Promise<Buffer>) => Promise<void>): Promise<DeviceBench> {
        return DeviceBench.openWith(async publicKey => {
            const build = (files: Record<string, string>) => buildProject({ projectDir, trustedKeys: [publicKey], overlay: files })
            const base = linkBase(await build(overlay), "1.0.0")
            await imagesOf(async (files, sequence = 1, quiesce) => Buffer.from(buildUpdate(base, await build(files), { sequence, quiesce }).file))
            return { program: base.file, baseId: Buffer.from(base.baseId).toString("hex") }
        })
    }

    static async open(replaced: Record<string, string> = {}): Promise<DeviceBench> {
        const key = await generateLmsKey(lmsParameters(5, 8), { processes: 1 })
        const { devs } = await buildPlainFirmware(replaced)
        const program = patchTrustedKeys(devs, [hssPublicKey(lmsPublicKey(key))])
        return new DeviceBench(await UpdateServer.start(), program, key, PLAIN_BASE_ID)
    }

    async board(options: Partial<BoardOptions> = {}): Promise<Board> {
        const { settings, ...rest } = options
        const board = await createBoard({
            deviceId: DEVICE_ID,
            program: this.program,
            settings: { hUrl: this.server.url, hToken: TOKEN, hTrialMs: TRIAL_MS, hPoll: 5, hJitter: 0, hLog: 1, ...settings },
            ...rest,
        })
        this.boards.push(board)
        return board
    }

    /** A board that runs and asks the server. */
    async started(options: Partial<BoardOptions> = {}): Promise<Board> {
        const board = await this.board(options)
        await board.powerOn()
        await board.waitForLine(/HOV start/, 8000)
        return board
    }

    /** Signs an image, gives its blobs to the server and returns the command. */
    update(image: Buffer, options: UpdateOptions) {
        const { manifest, signature: signed } = this.signed(image, options)
        const signature = options.spoilSignature?.(signed) ?? signed
        const stored = options.spoilImage?.(image) ?? image
        this.server.addBlobAs(stored, createHash("sha256").update(image).digest("hex"))
        return {
            cmd: "update",
            id: `c${++this.commands}`,
            v: options.version ?? `1.${options.sequence}.0`,
            m: Buffer.from(manifest).toString("hex"),
            sig: this.server.addBlob(signature),
            sigLen: signature.length,
            img: createHash("sha256").update(image).digest("hex"),
            len: image.length,
        }
    }

    /** Any 80 bytes, signed by the key that the boards trust: a manifest that no tool would make, or a statement. */
    signBytes(bytes: Uint8Array) {
        const signature = Buffer.from(hssSignature(lmsSign(this.key, this.leaf++, randomBytes(32), bytes)))
        return { m: Buffer.from(bytes).toString("hex"), sig: this.server.addBlob(signature), sigLen: signature.length }
    }

    /** The same as one file. */
    artifact(image: Buffer, options: UpdateOptions): Buffer {
        const { manifest, signature: signed } = this.signed(image, options)
        const signature = options.spoilSignature?.(signed) ?? signed
        const size = Buffer.alloc(2)
        size.writeUInt16LE(signature.length)
        return Buffer.concat([manifest, size, signature, image])
    }

    private signed(image: Buffer, options: UpdateOptions) {
        const manifest = encodeManifest({
            baseId: this.baseId,
            sequence: options.sequence,
            imageSizeBytes: image.length,
            productId: 0,
            notAfterUnixS: 0,
            imageDigest: createHash("sha256").update(image).digest("hex"),
            version: options.version ?? `1.${options.sequence}.0`,
            downgradeAllowed: false,
            cold: false,
            ...options.manifest,
        })
        const signature = Buffer.from(hssSignature(lmsSign(this.key, this.leaf++, randomBytes(32), manifest)))
        return { manifest, signature }
    }

    async close(): Promise<void> {
        await Promise.all(this.boards.map(board => board.close()))
        await this.server.close()
    }
}

/** Opens a bench before the tests of a suite; after each, its boards are off and its server has nothing to give; after all, it is closed. */
export function benchFor(test: Test, open: () => Promise<DeviceBench>): void {
    let bench: DeviceBench | undefined
    test.before(async () => {
        bench = await open()
    })
    test.after.each(async () => {
        await Promise.all(bench?.boards.splice(0).map(board => board.close()) ?? [])
        bench?.server.reset()
    })
    test.after(() => bench?.close())
}
